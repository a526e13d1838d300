//! ROW: statistics into scales.

use crate::chip::Chip;
use systole_isa::instruction::Row;
use systole_isa::numerics::convert_row;

pub(crate) fn run(op: &Row, chip: &mut Chip) {
    // In place or apart, so ascending order never reads what this instruction wrote.
    for r in 0..usize::from(op.rows) {
        let entry = chip.row[usize::from(op.src) + r];
        chip.row[usize::from(op.dst) + r] = convert_row(op.kind, entry, op.frac, op.count, op.num, op.eps);
    }
}
