//! The attention phase: scores, softmax and context of one head and query tile without leaving the chip. Softmax is not
//! normalised: its exponentials go into the second product as they are, and the reciprocal of their sum is applied when
//! the context is requantized.

use systole_isa::DRAM_ALIGN;
use systole_isa::instruction::{Format, Function, Memory, Output, Stat};

use super::Compiler;
use super::ops::{self, Dram, Pass, Product};
use super::plan::Area;

/// One head's query tile in one sequence.
#[derive(Clone, Copy, Debug)]
struct Item {
    /// First token of the sequence among all rows.
    sequence: u32,
    head: u32,
    /// First query in the sequence.
    query: u32,
    rows: u32,
    /// Counts (sequence, head) pairs: which key and value buffer.
    pair: u32,
    /// Which of two score buffers.
    side: usize,
}

impl Compiler<'_> {
    /// Attention of layer `index` over all sequences. The scores of an item are issued before the context of the one
    /// before it, so that the array works while the lanes compute softmax.
    pub(super) fn attention(&mut self, index: u32) {
        let layer = self.encoder.layout.layers[index as usize];
        self.tag(Some(index), "attention.softmax");
        let exponents = Dram { region: ops::CONSTANTS, offset: layer.exponent.offset, pitch: DRAM_ALIGN };
        let to = Area { base: self.plan.param.exponents, stride: 1 };
        self.emit(ops::load(Memory::Param, Format::Record, exponents, to, self.shape().heads, 1));
        let context_param = self.wide_params(layer.context);
        let mut pending = None;
        for item in self.items() {
            self.scores(index, item);
            if let Some(before) = pending.replace(item) {
                self.context_product(index, before);
                self.softmax(index, item);
                self.normalise_context(index, before, context_param);
            } else {
                self.softmax(index, item);
            }
        }
        if let Some(last) = pending {
            self.context_product(index, last);
            self.normalise_context(index, last, context_param);
        }
    }

    fn items(&self) -> impl Iterator<Item = Item> + use<> {
        let (tokens, batch, heads, height) = (self.tokens, self.batch, self.shape().heads, self.plan.attention.rows);
        let tiles = tokens.div_ceil(height);
        (0..batch * heads * tiles).map(move |i| {
            let (pair, query) = (i / tiles, i % tiles * height);
            let rows = height.min(tokens - query);
            Item { sequence: pair / heads * tokens, head: pair % heads, query, rows, pair, side: i as usize % 2 }
        })
    }

    /// The three column blocks of Q, K and V for a head.
    fn head_columns(&self, which: u32, item: Item) -> Dram {
        let column = which * self.shape().heads_pitch() + item.head * self.shape().head_pitch();
        self.qkv().at(item.sequence, column)
    }

    fn scores(&mut self, index: u32, item: Item) {
        self.tag(Some(index), "attention.scores");
        let (plan, width) = (self.plan.attention, self.shape().head_pitch());
        let query = plan.query[item.side];
        let from = self.head_columns(0, item).at(item.query, 0);
        self.emit(ops::load(Memory::Spad, Format::I8, from, query, item.rows, width));
        for start in (0..self.tokens).step_by(plan.keys as usize) {
            let keys = plan.keys.min(self.tokens - start);
            let b = self.keys_or_values(1, item, start, keys);
            let c = plan.scores[item.side].right(self.config().words(start));
            let size = [item.rows, width, keys];
            self.emit(Product { a: query, b, c, size, accumulate: false, transpose_b: true });
        }
    }

    /// The buffer with `count` keys (1) or values (2) from `start` on, loaded unless the item before left them there.
    fn keys_or_values(&mut self, which: u32, item: Item, start: u32, count: u32) -> Area {
        let (plan, width) = (self.plan.attention, self.shape().head_pitch());
        let stride = self.config().words(width);
        let whole = plan.keys == self.tokens;
        let turn = if whole { item.pair } else { start / plan.keys };
        let buffer = (which - 1) * plan.buffers + turn % plan.buffers;
        let area = Area { base: plan.key + buffer * plan.keys * stride, stride };
        if !whole || item.query == 0 {
            let from = self.head_columns(which, item).at(start, 0);
            self.emit(ops::load(Memory::Spad, Format::I8, from, area, count, width));
        }
        area
    }

    fn softmax(&mut self, index: u32, item: Item) {
        self.tag(Some(index), "attention.softmax");
        let (plan, entry, tokens) = (self.plan.attention, self.plan.entry, self.tokens);
        let (scores, maxima, sums) = (plan.scores[item.side], entry.maxima[item.side], entry.sums[item.side]);
        self.emit(Pass::over(scores, item.rows, tokens).stat(Stat::Max, maxima, true));
        let pass = Pass::over(scores, item.rows, tokens).minus_row(maxima);
        let pass = pass.broadcast(self.plan.param.exponents + item.head).function(Function::Exp2);
        let pass = pass.stat(Stat::Sum, sums, true);
        self.emit(pass.to(Output::Spad8, plan.exponentials[item.side], EXPONENTIAL_SHIFT));
        self.emit(ops::reciprocals(sums, item.rows));
    }

    fn context_product(&mut self, index: u32, item: Item) {
        self.tag(Some(index), "attention.context");
        let (plan, width) = (self.plan.attention, self.shape().head_pitch());
        for start in (0..self.tokens).step_by(plan.keys as usize) {
            let values = plan.keys.min(self.tokens - start);
            let b = self.keys_or_values(2, item, start, values);
            let a = plan.exponentials[item.side].right(self.config().words(start));
            let size = [item.rows, values, width];
            let c = plan.context[item.side];
            self.emit(Product { a, b, c, size, accumulate: start > 0, transpose_b: false });
        }
    }

    fn normalise_context(&mut self, index: u32, item: Item, param: u32) {
        self.tag(Some(index), "attention.context");
        let (plan, width) = (self.plan.attention, self.shape().head_pitch());
        let column = item.head * width;
        let pass = Pass::over(plan.context[item.side], item.rows, width).scaled_by_row(self.plan.entry.sums[item.side]);
        let pass = pass.channel(param + self.config().words(column));
        let narrow = plan.narrow[item.side];
        self.emit(pass.to(Output::Spad8, narrow, 0));
        let to = self.context().at(item.sequence + item.query, column);
        self.emit(ops::store(Memory::Spad, Format::I8, narrow, to, item.rows, width));
    }
}

/// Right shift that brings 2^0 to 127.
const EXPONENTIAL_SHIFT: u8 = 8;
