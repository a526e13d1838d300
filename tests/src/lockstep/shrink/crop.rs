//! Operations without their first rows or words: what fails at one element is in the end the first.

use systole_isa::Op;
use systole_isa::instruction::{Gemm, Load, Map, Output, Row, Stat, Store};

/// How many to leave out of the front of `count`, the most first.
fn fronts(count: u16) -> impl Iterator<Item = u16> {
    [count / 2, count / 4, 1].into_iter().filter(move |&front| 0 < front && front < count)
}

/// An address moved by `count` times `stride`, where it is one. What leaves its memory is found to be illegal later.
fn moved(used: bool, address: u16, count: u16, stride: u16) -> u16 {
    if used { address.wrapping_add(count.wrapping_mul(stride)) } else { address }
}

/// The operation without some of its first rows, or without some of the first words of each row; `n` lanes a word.
pub fn cropped(op: &Op, n: u16) -> Vec<Op> {
    match *op {
        Op::End(_) => Vec::new(),
        Op::Load(l) => fronts(l.rows).map(|d| load(&l, d).into()).collect(),
        Op::Store(s) => fronts(s.rows).map(|d| store(&s, d).into()).collect(),
        Op::Row(r) => fronts(r.rows)
            .map(|d| Row { src: moved(true, r.src, d, 1), dst: moved(true, r.dst, d, 1), rows: r.rows - d, ..r }.into())
            .collect(),
        Op::Map(m) => map(&m, n),
        Op::Gemm(g) => gemm(&g, n),
    }
}

fn load(l: &Load, d: u16) -> Load {
    let offset = l.offset.wrapping_add(l.pitch.wrapping_mul(d.into()));
    Load { offset, dst: moved(true, l.dst, d, l.dst_stride), rows: l.rows - d, ..*l }
}

fn store(s: &Store, d: u16) -> Store {
    let offset = s.offset.wrapping_add(s.pitch.wrapping_mul(d.into()));
    Store { offset, src: moved(true, s.src, d, s.src_stride), rows: s.rows - d, ..*s }
}

fn map(m: &Map, n: u16) -> Vec<Op> {
    let has_output = m.output != Output::None;
    let rows = fronts(m.rows).map(|d| Map {
        src: moved(true, m.src, d, m.src_stride),
        dst: moved(has_output, m.dst, d, m.dst_stride),
        aux: moved(m.add, m.aux, d, m.src_stride),
        row_in: moved(m.row_sub || m.row_scale, m.row_in, d, 1),
        row_out: moved(m.stat != Stat::None, m.row_out, d, 1),
        rows: m.rows - d,
        ..*m
    });
    let words = fronts(m.cols.div_ceil(n)).map(|d| Map {
        src: moved(true, m.src, d, 1),
        dst: moved(has_output, m.dst, d, 1),
        aux: moved(m.add, m.aux, d, 1),
        param: moved(m.channel && !m.broadcast, m.param, d, 1),
        cols: m.cols - d * n,
        ..*m
    });
    rows.chain(words).map(Op::from).collect()
}

fn gemm(g: &Gemm, n: u16) -> Vec<Op> {
    // Words of B go along its rows, and N rows are as many as a word of A or C has lanes.
    let along = |d: u16| moved(true, g.b, d, 1);
    let across = |d: u16| moved(true, g.b, d.wrapping_mul(n), g.b_stride);
    let rows = fronts(g.m).map(|d| Gemm {
        a: moved(true, g.a, d, g.a_stride),
        c: moved(true, g.c, d, g.c_stride),
        m: g.m - d,
        ..*g
    });
    let inner = fronts(g.k.div_ceil(n)).map(|d| {
        let b = if g.transpose_b { along(d) } else { across(d) };
        Gemm { a: moved(true, g.a, d, 1), b, k: g.k - d * n, ..*g }
    });
    let columns = fronts(g.n.div_ceil(n)).map(|d| {
        let b = if g.transpose_b { across(d) } else { along(d) };
        Gemm { b, c: moved(true, g.c, d, 1), n: g.n - d * n, ..*g }
    });
    rows.chain(inner).chain(columns).map(Op::from).collect()
}
