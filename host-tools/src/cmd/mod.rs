//! The subcommands, one file each.

pub mod bitstream;
pub mod compile;
pub mod completions;
pub mod inspect;
pub mod quantize;
pub mod rtl;
pub mod run;
pub mod virtual_board;
