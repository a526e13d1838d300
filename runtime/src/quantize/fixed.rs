//! Real numbers as the integers of PARAM records.

use systole_isa::numerics::Param;

use super::QuantizeError;

/// The record that multiplies by `scale` and adds `bias` (in the unit of the product). The mantissa has 15 bits.
///
/// # Errors
/// [`QuantizeError::Scale`] if the scale is not finite or 32768 or more, [`QuantizeError::Bias`] if the bias does not
/// fit 32 bits; `what` names the place.
pub fn record(what: &'static str, scale: f64, bias: f64) -> Result<Param, QuantizeError> {
    if !bias.is_finite() || bias.abs() > f64::from(i32::MAX) {
        return Err(QuantizeError::Bias { what, value: bias });
    }
    let bias = bias.round() as i32;
    if scale == 0.0 {
        return Ok(Param { bias, mult: 0, shift: 0 });
    }
    if !scale.is_finite() || scale.abs() >= 32767.0 {
        return Err(QuantizeError::Scale { what, value: scale });
    }
    // The largest shift for which the mantissa still fits; a scale below 2^-49 is zero for any 32-bit input.
    let exponent = (32767.0 / scale.abs()).log2().floor().clamp(0.0, 63.0);
    let mult = (scale * exponent.exp2()).round();
    Ok(Param { bias, mult: mult as i16, shift: exponent as u8 })
}

/// Quantizes one row symmetrically to INT8; returns the scale: `value = scale * integer`. A row of zeros has scale 1.
pub fn quantize_row(row: impl Iterator<Item = f64> + Clone, out: &mut [i8]) -> f64 {
    let max = row.clone().fold(0f64, |m, v| m.max(v.abs()));
    let scale = if max > 0.0 { max / 127.0 } else { 1.0 };
    for (q, v) in out.iter_mut().zip(row) {
        *q = (v / scale).round() as i8;
    }
    scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_multiplies_by_its_scale(log in -20.0..14.9f64, negative: bool, x in -100_000i32..100_000) {
            let scale = if negative { -log.exp2() } else { log.exp2() };
            let p = record("test", scale, 0.0).unwrap();
            prop_assert!(p.mult.unsigned_abs() >= 1 << 14 || p.shift == 63);
            let exact = (f64::from(x) * scale).clamp(f64::from(i32::MIN), f64::from(i32::MAX));
            prop_assert!((f64::from(p.apply(x)) - exact).abs() <= 0.5 + exact.abs() * 3.1e-5);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(matches!(record("x", f64::NAN, 0.0), Err(QuantizeError::Scale { .. })));
        assert!(matches!(record("x", 40000.0, 0.0), Err(QuantizeError::Scale { .. })));
        assert!(matches!(record("x", 1.0, 3e9), Err(QuantizeError::Bias { .. })));
        assert_eq!(record("x", 0.0, 5.0).unwrap(), Param { bias: 5, mult: 0, shift: 0 });
    }
}
