//! The subcommands, one file each.

pub mod bitstream;
pub mod cache;
pub mod compile;
pub mod completions;
pub mod doctor;
pub mod inspect;
pub mod man;
pub mod metrics;
pub mod probe;
pub mod program;
pub mod quantize;
pub mod registers;
pub mod replay;
pub mod reset;
pub mod rtl;
pub mod run;
pub mod top;
pub mod validate;
pub mod virtual_board;
