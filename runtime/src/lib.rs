//! Checkpoint to quantized model to program to session, with the fp32 reference
