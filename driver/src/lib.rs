//! The way to the device: Device trait, rings, submission, program verifier
