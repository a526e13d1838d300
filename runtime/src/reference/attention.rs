//! Multi-head self attention over packed sequences.

use ndarray::{ArrayView2, s};
use rayon::prelude::*;

use super::observer::{Observer, Site};
use super::ops::{multiply, softmax, view, view_rows_mut};
use crate::checkpoint::Matrix;

/// `softmax(Q K^T / sqrt(dh)) V` within each sequence and head; `[tokens, hidden]` to `[tokens, hidden]`, heads side
/// by side. `lengths` are the tokens of the packed sequences and sum to the rows.
pub(super) fn attention(
    qkv: [&Matrix; 3],
    heads: usize,
    lengths: &[usize],
    layer: usize,
    observer: &mut dyn Observer,
) -> Matrix {
    let [query, key, value] = qkv.map(view);
    let head_dim = qkv[0].cols / heads;
    let observed = observer.wants(layer, Site::Scores);
    let starts = lengths.iter().scan(0, |end, &n| Some(std::mem::replace(end, *end + n)));
    let sequences: Vec<(usize, usize)> = starts.zip(lengths.iter().copied()).collect();
    let tasks: Vec<(usize, usize, usize)> =
        sequences.iter().flat_map(|&(start, n)| (0..heads).map(move |head| (start, n, head))).collect();
    let results: Vec<Head> = tasks
        .par_iter()
        .map(|&(start, n, head)| {
            let block = s![start..start + n, head * head_dim..(head + 1) * head_dim];
            one_head(query.slice(block), key.slice(block), value.slice(block), observed)
        })
        .collect();
    let mut context = Matrix::zeros(qkv[0].rows, qkv[0].cols);
    for (&(start, _, head), result) in tasks.iter().zip(&results) {
        for (row, values) in result.context.chunks_exact(head_dim).enumerate() {
            let at = (start + row) * context.cols + head * head_dim;
            context.values[at..at + head_dim].copy_from_slice(values);
        }
    }
    if observed {
        for (&(_, n), heads_of) in sequences.iter().zip(results.chunks_exact(heads)) {
            let scores: Vec<f32> = heads_of.iter().flat_map(|head| head.scores.iter().copied()).collect();
            observer.observe(layer, Site::Scores, heads * n, n, &scores);
        }
    }
    context
}

/// One head of one sequence of `T` tokens.
struct Head {
    /// `[T, dh]`.
    context: Vec<f32>,
    /// `[T, T]` before softmax; empty unless observed.
    scores: Vec<f32>,
}

fn one_head(q: ArrayView2<'_, f32>, k: ArrayView2<'_, f32>, v: ArrayView2<'_, f32>, observed: bool) -> Head {
    let (n, head_dim) = q.dim();
    let mut p = vec![0.0; n * n];
    multiply(1.0 / (head_dim as f32).sqrt(), &q, &k.t(), &mut view_rows_mut(&mut p, n));
    let scores = if observed { p.clone() } else { Vec::new() };
    p.chunks_exact_mut(n).for_each(softmax);
    let mut context = vec![0.0; n * head_dim];
    multiply(1.0, &super::ops::view_rows(&p, n), &v, &mut view_rows_mut(&mut context, head_dim));
    Head { context, scores }
}
