//! The tables against the real functions, and the error of each integer operation over its whole input range.

use proptest::prelude::*;
use systole_isa::instruction::Stat;
use systole_isa::numerics::*;
use systole_isa::tables::{EXP2, GELU_DIP, TANH};

fn phi(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

fn rounded(x: f64) -> u16 {
    (x + 0.5).floor() as u16
}

#[test]
fn tables_hold_the_real_functions() {
    for i in 0..=256usize {
        let x = i as f64 / 32.0;
        assert_eq!(EXP2[i], rounded(32512.0 * libm::exp2(-(i as f64) / 256.0)), "exp2 {i}");
        assert_eq!(GELU_DIP[i], rounded(65536.0 * x * phi(-x)), "gelu {i}");
        assert_eq!(TANH[i], rounded(32768.0 * libm::tanh(x)), "tanh {i}");
    }
}

/// Maximum and RMS error of an integer function against a real one over inputs `range`.
fn error(range: std::ops::RangeInclusive<i32>, integer: impl Fn(i32) -> f64, real: impl Fn(f64) -> f64) -> (f64, f64) {
    let (mut max, mut square, mut count) = (0f64, 0f64, 0f64);
    for q in range {
        let e = (integer(q) - real(f64::from(q) / 4096.0)).abs();
        max = max.max(e);
        square += e * e;
        count += 1.0;
    }
    (max, (square / count).sqrt())
}

#[test]
fn gelu_beats_i_bert_everywhere() {
    let q12 = |x| f64::from(gelu(x)) / 4096.0;
    let real = |x: f64| x * phi(x);
    let (max, rms) = error(-4 * 4096..=4 * 4096, q12, real);
    let (max_all, rms_all) = error(-16 * 4096..=16 * 4096, q12, real);
    println!("gelu: max {max:.2e} rms {rms:.2e} on [-4, 4]; max {max_all:.2e} rms {rms_all:.2e} on [-16, 16]");
    assert!(max < 2.5e-4 && rms < 9e-5, "max {max} rms {rms}");
    assert!(max_all < 2.5e-4, "max {max_all}");
}

#[test]
fn exp2_beats_i_bert_everywhere() {
    let value = |x| f64::from(exp2(x)) / 32512.0;
    let (max, rms) = error(-4096..=0, value, libm::exp2);
    let (max_all, _) = error(-20 * 4096..=0, value, libm::exp2);
    println!("exp: max {max:.2e} rms {rms:.2e} on one octave (-ln 2, 0] in natural units; max {max_all:.2e} on all");
    assert!(max < 4e-5 && max_all < 4e-5, "max {max} {max_all}");
    assert_eq!(rshr(exp2(0).into(), 8), 127);
    assert_eq!(exp2(i32::MIN), 0);
    assert_eq!(exp2(1), exp2(0));
}

#[test]
fn tanh_is_close_everywhere() {
    let (max, _) = error(-10 * 4096..=10 * 4096, |x| f64::from(tanh(x)) / 4096.0, libm::tanh);
    println!("tanh: max {max:.2e}");
    assert!(max < 2.5e-4, "max {max}");
}

#[test]
fn extreme_inputs_do_not_overflow() {
    for x in [i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX] {
        assert!((0..=697).contains(&(x.max(0) - gelu(x))));
        assert!((-4096..=4096).contains(&tanh(x)));
        let worst = RowEntry::scale(i32::MIN, u16::MAX, 0);
        let p = Param { bias: i32::MIN, mult: i16::MIN, shift: 0 };
        for (sub, scale) in [(false, false), (true, false), (false, true), (true, true)] {
            p.apply(row_stage(x, worst, sub, scale));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reciprocals_are_good_to_16_bits(a in 1i32.., num in 1u16.., frac in 8i8..40) {
        let e = recip(a, num, frac);
        let exact = f64::from(num) * 2f64.powi(frac.into()) / f64::from(a);
        let got = f64::from(e.mant()) * 2f64.powi(-(e.shift() as i32));
        if exact < 65000.0 && exact > 2f64.powi(-47) {
            prop_assert!((got / exact - 1.0).abs() < 1.6e-5, "{got} for {exact}");
        }
    }

    #[test]
    fn scales_are_good_to_16_bits(a in 1i32.., frac in -30i8..1) {
        let e = scale(a, frac);
        let exact = f64::from(a) * 2f64.powi(frac.into());
        let got = f64::from(e.mant()) * 2f64.powi(-(e.shift() as i32));
        if exact < 65000.0 {
            prop_assert!((got / exact - 1.0).abs() < 1.6e-5, "{got} for {exact}");
        }
    }

    #[test]
    fn layer_norm_follows_the_real_one(row in prop::collection::vec(-131072i32..131072, 2..300)) {
        let n = row.len();
        let mut stat = RowEntry::default();
        for (i, &x) in row.iter().enumerate() {
            stat = stat.gather(Stat::Moments, x, i == 0);
        }
        let entry = rstd(stat, n as u16, 0, 16);
        let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / n as f64;
        let var = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n as f64;
        for &x in &row {
            let got = f64::from(row_stage(x, entry, true, true)) / 65536.0;
            let exact = if var > 0.0 { (f64::from(x) - mean) / var.sqrt() } else { 0.0 };
            let tolerance = 3e-5 * exact.abs() + 1e-5 + 0.003 / var.sqrt().max(1e-9);
            prop_assert!((got - exact).abs() < tolerance, "{got} for {exact}");
        }
    }

    #[test]
    fn isqrt_is_the_floor(x: u64) {
        let r = u64::from(isqrt(x));
        prop_assert!(r * r <= x && (r + 1).checked_mul(r + 1).is_none_or(|s| s > x));
    }

    #[test]
    fn rounding_is_half_up(x in -(1i64 << 50)..1 << 50, s in 0u32..40) {
        prop_assert_eq!(rshr(x, s), (x as f64 / 2f64.powi(s as i32) + 0.5).floor() as i64);
    }
}

#[test]
fn map_stages_saturate_and_round_half_up() {
    assert_eq!(add_stage(i32::MAX, 1), i32::MAX);
    assert_eq!(add_stage(i32::MIN, -1), i32::MIN);
    assert_eq!(add_stage(-5, 3), -2);
    assert_eq!(output_stage(384, 8, 8), 2);
    assert_eq!(output_stage(-384, 8, 8), -1);
    assert_eq!(output_stage(i32::MAX, 0, 18), 131_071);
    assert_eq!(output_stage(i32::MIN, 31, 8), -1);
    assert_eq!(output_stage(i32::MIN, 0, 32), i32::MIN);
}
