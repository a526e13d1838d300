//! How alike texts are: cosines, the matrix of them, the nearest pairs.

use console::Style;

/// Cosine of the angle between two vectors; not a number if one of them is zero.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Two texts by index, and their cosine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The smaller index.
    pub first: usize,
    /// The larger index.
    pub second: usize,
    /// How alike they are.
    pub cosine: f64,
}

/// Every pair, the most alike first; pairs with a zero vector are left out.
pub fn pairs(embeddings: &[Vec<f32>]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (second, b) in embeddings.iter().enumerate() {
        for (first, a) in embeddings[..second].iter().enumerate() {
            pairs.push(Pair { first, second, cosine: cosine(a, b) });
        }
    }
    pairs.retain(|p| !p.cosine.is_nan());
    pairs.sort_by(|a, b| b.cosine.total_cmp(&a.cosine));
    pairs
}

/// From cold to hot in the terminal's 256 colours.
const HEAT: [u8; 12] = [17, 18, 19, 25, 31, 37, 36, 71, 107, 143, 179, 215];
/// Columns of a cell.
const CELL: usize = 5;

/// The matrix as lines: cosines in per cent, on colours that spread over the values which occur off the diagonal.
pub fn matrix(embeddings: &[Vec<f32>], colours: bool) -> Vec<String> {
    let pairs = pairs(embeddings);
    let bound = |pick: fn(f64, f64) -> f64| pairs.iter().map(|p| p.cosine).reduce(pick);
    let (low, high) = (bound(f64::min).unwrap_or(0.0), bound(f64::max).unwrap_or(1.0));
    let cell = |a: &Vec<f32>, b: &Vec<f32>| {
        let value = cosine(a, b);
        if value.is_nan() {
            return format!("{:>width$} ", "-", width = CELL - 1);
        }
        let text = format!("{:>width$.0} ", value * 100.0, width = CELL - 1);
        let level = ((value - low) / (high - low).max(1e-9)).clamp(0.0, 1.0);
        heat(&text, level, colours)
    };
    let header = (1..=embeddings.len()).fold("     ".to_owned(), |line, n| line + &format!("{n:>w$} ", w = CELL - 1));
    let row = |(index, a): (usize, &Vec<f32>)| {
        embeddings.iter().fold(format!("{:>3}  ", index + 1), |line, b| line + &cell(a, b))
    };
    std::iter::once(header.trim_end().to_owned()).chain(embeddings.iter().enumerate().map(row)).collect()
}

fn heat(text: &str, level: f64, colours: bool) -> String {
    if !colours {
        return text.to_owned();
    }
    let index = (level * (HEAT.len() - 1) as f64).round() as usize;
    // White on the dark half, black on the light one.
    let style = Style::new().force_styling(true).on_color256(HEAT[index]);
    let style = if index < HEAT.len() / 2 { style.color256(255) } else { style.color256(16) };
    style.apply_to(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_and_pairs() {
        let texts = [vec![1.0, 0.0], vec![0.0, 2.0], vec![1.0, 1.0], vec![0.0, 0.0], vec![3.0, 0.0]];
        assert!((cosine(&texts[0], &texts[2]) - 0.5f64.sqrt()).abs() < 1e-12);
        let pairs = pairs(&texts);
        assert_eq!(pairs.len(), 6, "the zero vector has no angle");
        assert_eq!(pairs[0], Pair { first: 0, second: 4, cosine: 1.0 });
        let lines = matrix(&texts, false);
        assert_eq!(lines[0], "        1    2    3    4    5");
        assert_eq!(lines[1], "  1   100    0   71    -  100 ");
        assert!(matrix(&texts, true)[1].contains("\u{1b}["));
        assert_eq!(matrix(&texts[..1], false).len(), 2);
    }
}
