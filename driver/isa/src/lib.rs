//! The hardware contract: instructions, registers, configurations, numerics tables, ABI hash
