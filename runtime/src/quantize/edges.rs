//! Where the encoder's numbers become integers of few bits, and what that costs at each place.

use super::image::Channel;
use super::operand::Operand;
use crate::reference::{Observer, Site};

/// Places where a model was quantized, as [`super::QuantizedModel::quantize_diagnosed`] found them.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    /// Activations.
    pub edges: Vec<Edge>,
    /// Weights, with their error.
    pub weights: Vec<TensorError>,
    /// Value of one unit of each layer's output.
    pub layer_scales: Vec<f64>,
}

/// How far the integers of a tensor are from its values.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TensorError {
    /// Its layer; `None` in the embeddings.
    pub layer: Option<usize>,
    /// What the quantizer calls it.
    pub tensor: String,
    /// Root mean square of the difference over that of the values, in units of the integers, so that a column which
    /// smoothing shrinks counts as it does in the product. 0 is exact; 8 bits well used have about 0.01.
    pub error: f64,
}

/// An activation that is rounded to integers.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The layer that it belongs to; `None` in the embeddings.
    pub layer: Option<usize>,
    /// What it is.
    pub name: &'static str,
    /// Where the reference shows it.
    pub seen: (usize, Site),
    /// By column: `value = step * (integer - zero)`.
    pub step: Vec<f64>,
    /// By column, in steps.
    pub zero: Vec<f64>,
    /// Largest integer; the smallest is one below its negative.
    pub limit: f64,
    /// The step is that of a row whose largest magnitude is `limit`, and goes with the row.
    pub by_row: bool,
}

impl Edge {
    /// An edge with fixed steps around zero.
    pub fn new(layer: Option<usize>, name: &'static str, seen: (usize, Site), step: Vec<f64>, limit: f64) -> Self {
        let zero = vec![0.0; step.len()];
        Self { layer, name, seen, step, zero, limit, by_row: false }
    }

    /// The INT8 input of a matrix product.
    pub fn operand(layer: usize, name: &'static str, seen: (usize, Site), operand: &Operand, by_row: bool) -> Self {
        let step = operand.smooth.iter().map(|s| s * operand.unit).collect();
        Self { zero: operand.zero.clone(), by_row, ..Self::new(Some(layer), name, seen, step, 127.0) }
    }

    /// Squares of the rounding errors of a row, and of its values, both in integers.
    fn squares(&self, row: &[f32]) -> [f64; 2] {
        let exact = || row.iter().zip(&self.step).map(|(&x, step)| f64::from(x) / step);
        let largest = exact().fold(1e-30, |a, x| x.abs().max(a));
        let factor = if self.by_row { self.limit / largest } else { 1.0 };
        exact().zip(&self.zero).fold([0.0; 2], |[errors, values], (x, zero)| {
            let x = x * factor;
            let integer = (x + zero).round().clamp(-self.limit - 1.0, self.limit);
            [errors + (x + zero - integer).powi(2), values + x.powi(2)]
        })
    }
}

/// The error of weights, given their output channels.
pub fn weight_error(layer: usize, tensor: &'static str, channels: &[Channel]) -> TensorError {
    let [errors, values] = channels.iter().fold([0.0; 2], |sums, c| [sums[0] + c.squares[0], sums[1] + c.squares[1]]);
    TensorError { layer: Some(layer), tensor: tensor.to_owned(), error: relative([errors, values]) }
}

/// Root of the first over root of the second sum of squares; finite, whatever they are.
pub fn relative([errors, values]: [f64; 2]) -> f64 {
    if errors == 0.0 { 0.0 } else { (errors / values).sqrt().min(1e6) }
}

/// Sums up the errors of edges during a forward pass of the reference.
pub struct EdgeErrors<'a>(Vec<(&'a Edge, [f64; 2])>);

impl<'a> EdgeErrors<'a> {
    /// Of these edges.
    pub fn new(edges: &'a [Edge]) -> Self {
        Self(edges.iter().map(|edge| (edge, [0.0; 2])).collect())
    }

    /// The errors, in the order of the edges.
    pub fn errors(&self) -> impl Iterator<Item = TensorError> + '_ {
        let error = |&(edge, squares): &(&Edge, [f64; 2])| TensorError {
            layer: edge.layer,
            tensor: edge.name.to_owned(),
            error: relative(squares),
        };
        self.0.iter().map(error)
    }
}

impl Observer for EdgeErrors<'_> {
    fn wants(&self, layer: usize, site: Site) -> bool {
        self.0.iter().any(|(edge, _)| edge.seen == (layer, site))
    }

    fn observe(&mut self, layer: usize, site: Site, _rows: usize, cols: usize, values: &[f32]) {
        for (edge, sums) in self.0.iter_mut().filter(|(edge, _)| edge.seen == (layer, site)) {
            for row in values.chunks_exact(cols) {
                let squares = edge.squares(row);
                sums.iter_mut().zip(squares).for_each(|(sum, square)| *sum += square);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_by_hand() {
        let mut edge = Edge::new(Some(0), "x", (0, Site::Query), vec![0.5, 2.0], 127.0);
        // 3.0 and 1.25 steps: exact, and a quarter off.
        assert_eq!(edge.squares(&[1.5, 2.5]), [0.0625, 9.0 + 1.5625]);
        // 200 steps do not fit.
        assert_eq!(edge.squares(&[100.0, 0.0])[0], 73.0 * 73.0);
        // By row they do: 200 becomes 127, and 1.5 becomes 0.9525.
        edge.by_row = true;
        let [errors, _] = edge.squares(&[100.0, 3.0]);
        assert!((errors - 0.0475f64.powi(2)).abs() < 1e-9, "{errors}");
        assert_eq!([[0.0, 0.0], [1.0, 4.0], [1.0, 0.0], [f64::NAN, 1.0]].map(relative), [0.0, 0.5, 1e6, 1e6]);
    }
}
