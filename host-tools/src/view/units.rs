//! Numbers as people read them.

use std::time::Duration;

/// `12,345`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Three digits and a decimal prefix: `98.7 M`.
pub fn scaled(n: u64) -> String {
    const PREFIXES: [&str; 7] = ["", " k", " M", " G", " T", " P", " E"];
    let (mut value, mut prefix) = (n as f64, 0);
    // What would be rounded to 1000 goes to the next prefix.
    while value >= 999.5 {
        value /= 1000.0;
        prefix += 1;
    }
    let digits = match value {
        _ if prefix == 0 => 0,
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$}{}", PREFIXES[prefix])
}

/// `4.62 MB`.
pub fn bytes(n: u64) -> String {
    let number = scaled(n);
    if number.contains(' ') { format!("{number}B") } else { format!("{number} B") }
}

/// `35.2 ms`.
pub fn duration(time: Duration) -> String {
    match time.as_secs_f64() {
        s if s < 1e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s if s < 100.0 => format!("{s:.2} s"),
        s => format!("{:.0} min {:02.0} s", (s / 60.0).floor(), s % 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 999, 1000, 9_999, 98_700_000].map(scaled), ["0", "999", "1.00 k", "10.0 k", "98.7 M"]);
        assert_eq!(scaled(u64::MAX), "18.4 E");
        assert_eq!([0, 32, 4_620_000].map(bytes), ["0 B", "32 B", "4.62 MB"]);
        let times = [3, 35_200, 2_500_000, 125_000_000].map(|us| duration(Duration::from_micros(us)));
        assert_eq!(times, ["3 µs", "35.2 ms", "2.50 s", "2 min 05 s"]);
    }
}
