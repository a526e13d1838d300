//! Block kernels: one function an operation, over whole rows, shaped so that the compiler vectorises them.
//!
//! They trust [`systole_isa::access::check`] and [`crate::Regions::resolve`], which [`crate::execute`] calls first, and
//! must agree with [`crate::reference`] in every bit of every memory.

pub(crate) mod gemm;
pub(crate) mod map;
pub(crate) mod row;
pub(crate) mod transfer;

/// Buffers that kernels use during one instruction, kept to save allocations.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// Left operand of a GEMM, widened.
    a: Vec<gemm::Packed>,
    /// A few columns of the right operand, widened.
    b: Vec<gemm::Packed>,
    /// One row under MAP.
    row: Vec<i32>,
}
