//! The accelerator in software: the Device trait on a bit-exact functional simulator
