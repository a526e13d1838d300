//! The encoder's operations in fp32. Rows are independent of each other and of the number of threads: a text gives the
//! same bits alone and in a batch.

use ndarray::{ArrayView2, ArrayViewMut2, linalg::general_mat_mul};
use rayon::prelude::*;

use crate::checkpoint::{Activation, LayerNorm, Linear, Matrix};

/// Fewest rows worth a task of their own.
const ROWS_PER_TASK: usize = 64;

/// Rows of `rows` that one task multiplies. The product packs the transposed weights anew in each task, which costs
/// as much as some hundred rows: so one task a thread, no more.
fn rows_per_task(rows: usize) -> usize {
    rows.div_ceil(rayon::current_num_threads()).max(ROWS_PER_TASK)
}

/// `c = alpha * a b`, for blocks inside larger matrices.
pub(super) fn multiply(alpha: f32, a: &ArrayView2<'_, f32>, b: &ArrayView2<'_, f32>, c: &mut ArrayViewMut2<'_, f32>) {
    general_mat_mul(alpha, a, b, 0.0, c);
}

/// A matrix as ndarray sees it. The sizes agree by construction of [`Matrix`] in this module's callers.
pub(super) fn view(matrix: &Matrix) -> ArrayView2<'_, f32> {
    view_rows(&matrix.values, matrix.cols)
}

/// Whole rows of `cols` elements.
pub(super) fn view_rows(values: &[f32], cols: usize) -> ArrayView2<'_, f32> {
    let rows = values.len() / cols;
    ArrayView2::from_shape((rows, cols), &values[..rows * cols]).expect("rows * cols elements")
}

/// Whole rows of `cols` elements, to be written.
pub(super) fn view_rows_mut(values: &mut [f32], cols: usize) -> ArrayViewMut2<'_, f32> {
    let rows = values.len() / cols;
    ArrayViewMut2::from_shape((rows, cols), &mut values[..rows * cols]).expect("rows * cols elements")
}

/// `x W^T + b`, `[rows, in] -> [rows, out]`.
pub(super) fn linear(x: &Matrix, layer: &Linear) -> Matrix {
    let (inputs, outputs) = (layer.weight.cols, layer.weight.rows);
    let mut y = Matrix::zeros(x.rows, outputs);
    let weight = view(&layer.weight);
    let weight = weight.t();
    let rows = rows_per_task(x.rows);
    let tasks = y.values.par_chunks_mut(rows * outputs).zip(x.values.par_chunks(rows * inputs));
    tasks.for_each(|(y, x)| {
        multiply(1.0, &view_rows(x, inputs), &weight, &mut view_rows_mut(y, outputs));
        for row in y.chunks_exact_mut(outputs) {
            row.iter_mut().zip(&layer.bias).for_each(|(y, b)| *y += b);
        }
    });
    y
}

/// `x += y`.
pub(super) fn add(x: &mut Matrix, y: &Matrix) {
    x.values.iter_mut().zip(&y.values).for_each(|(x, y)| *x += y);
}

/// LayerNorm of each row: biased variance, both sums in double precision.
pub(super) fn layer_norm(x: &Matrix, norm: &LayerNorm, eps: f32) -> Matrix {
    let mut y = x.clone();
    y.values.par_chunks_mut(x.cols).with_min_len(ROWS_PER_TASK).for_each(|row| {
        let n = row.len() as f64;
        let mean = row.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = row.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        let scale = 1.0 / (variance + f64::from(eps)).sqrt();
        for ((v, gamma), beta) in row.iter_mut().zip(&norm.gamma).zip(&norm.beta) {
            *v = ((f64::from(*v) - mean) * scale) as f32 * gamma + beta;
        }
    });
    y
}

/// The feed-forward activation, element by element.
pub(super) fn activate(x: &Matrix, activation: Activation) -> Matrix {
    let f = match activation {
        Activation::Gelu => gelu,
        Activation::Relu => |v: f32| v.max(0.0),
    };
    let mut y = x.clone();
    y.values.par_chunks_mut(ROWS_PER_TASK * x.cols).for_each(|chunk| chunk.iter_mut().for_each(|v| *v = f(*v)));
    y
}

/// Exact GELU, `x/2 (1 + erf(x / sqrt 2))` (Hendrycks and Gimpel 2016, section 2).
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// Softmax of one row in place, shifted by its maximum.
pub(super) fn softmax(row: &mut [f32]) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row.iter_mut().for_each(|v| *v = libm::expf(*v - max));
    let sum: f32 = row.iter().sum();
    row.iter_mut().for_each(|v| *v /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gelu_at_known_points() {
        // Values of x * Phi(x) from tables of the normal distribution.
        for (x, y) in [(0.0, 0.0), (1.0, 0.841_344_8), (-1.0, -0.158_655_25), (3.0, 2.995_950_3), (-9.0, 0.0)] {
            assert!((gelu(x) - y).abs() < 1e-6, "{x}: {}", gelu(x));
        }
    }

    #[test]
    fn softmax_does_not_overflow() {
        let mut row = [1e30, 1e30, -1e30];
        softmax(&mut row);
        assert_eq!(row, [0.5, 0.5, 0.0]);
    }

    #[test]
    fn linear_against_the_definition() {
        let x = Matrix { rows: 131, cols: 5, values: (0..131 * 5).map(|i| ((i * 37) % 19) as f32 - 9.0).collect() };
        let weight = Matrix { rows: 3, cols: 5, values: (0..15).map(|i| ((i * 7) % 5) as f32 - 2.0).collect() };
        let layer = Linear { weight, bias: vec![1.0, -2.0, 0.5] };
        let y = linear(&x, &layer);
        for r in 0..x.rows {
            for o in 0..3 {
                let dot: f32 = x.row(r).iter().zip(layer.weight.row(o)).map(|(a, b)| a * b).sum();
                assert_eq!(y.row(r)[o], dot + layer.bias[o]);
            }
        }
    }

    #[test]
    fn layer_norm_has_zero_mean_and_unit_variance() {
        let x = Matrix { rows: 2, cols: 4, values: vec![1.0, 2.0, 3.0, 4.0, 1e4, -1e4, 1e4, -1e4] };
        let norm = LayerNorm { gamma: vec![1.0; 4], beta: vec![0.0; 4] };
        let y = layer_norm(&x, &norm, 1e-12);
        assert_eq!(y.row(1), [1.0, -1.0, 1.0, -1.0]);
        assert!((y.row(0)[3] - 1.341_640_8).abs() < 1e-6);
        assert!(y.row(0).iter().sum::<f32>().abs() < 1e-6);
    }
}
