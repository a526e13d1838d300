//! Conformance, end-to-end, property and fuzz tests across the stack
