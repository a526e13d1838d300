//! The row phase: everything that acts on single tokens, tile by tile, without leaving the chip between its steps.

use systole_isa::PARAM_BYTES;
use systole_isa::instruction::{Format, Function, Memory, Output, Stat};

use super::Compiler;
use super::ops::{self, Dram, Pass, Product};
use super::plan::{Area, CHUNK_BUFFERS, WEIGHT_BUFFERS};
use crate::quantize::{LayerLayout, Records, Scales, Shape, Weight};

/// A run of rows, of all sequences one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct Tile {
    /// First row.
    pub start: u32,
    /// Number of rows.
    pub rows: u32,
}

/// What a chunk of an inner loop covers.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    start: u32,
    cols: u32,
    /// Which of two buffers it uses.
    side: usize,
    first: bool,
}

impl Compiler<'_> {
    /// LayerNorm of the embedding sums, then Q, K and V of the first layer.
    pub(super) fn embedding_rows(&mut self, tile: Tile) {
        let (hidden, row) = (self.shape().hidden, self.plan.row);
        self.tag(None, "embedding.norm");
        let from = self.residual_rows(ops::INPUT, 0, tile);
        self.emit(ops::load(Memory::Acc, Format::I16, from, row.wide, tile.rows, hidden));
        let moments = Pass::over(row.wide, tile.rows, hidden);
        let (records, eps) = (self.encoder.layout.embedding_norm, self.encoder.norm_eps.embedding);
        self.norm(moments, records, eps, tile);
        self.hand_on(0, tile);
    }

    /// From the context of layer `index` to Q, K and V of the next, or to the program's output.
    pub(super) fn layer_rows(&mut self, index: u32, tile: Tile) {
        let layer = self.encoder.layout.layers[index as usize];
        let [attention_eps, ffn_eps] = self.encoder.norm_eps.layers[index as usize];
        let (hidden, heads, row) = (self.shape().hidden, self.shape().heads_pitch(), self.plan.row);

        self.tag(Some(index), "attention.output");
        let context = self.context().at(tile.start, 0);
        self.emit(ops::load(Memory::Spad, Format::I8, context, row.context, tile.rows, heads));
        self.product(row.context, layer.output_weight, [0, heads], [0, hidden], row.wide, tile, false);
        self.tag(Some(index), "attention.norm");
        let residual = self.residual_rows(ops::WORKSPACE, self.workspace.residual, tile);
        self.emit(ops::load(Memory::Acc, Format::I16, residual, row.residual, tile.rows, hidden));
        let param = self.wide_params(layer.output);
        let sum = Pass::over(row.wide, tile.rows, hidden).channel(param).plus(row.residual);
        self.norm(sum, layer.attention_norm, attention_eps, tile);

        self.tag(Some(index), "ffn.in");
        self.narrow_input(layer.ffn_in, tile);
        match self.shape().scales {
            Scales::Static => self.ffn_static(index, &layer, tile),
            Scales::Dynamic => self.ffn_dynamic(index, &layer, tile),
        }
        self.tag(Some(index), "ffn.norm");
        let param = self.wide_params(layer.down);
        let mut sum = Pass::over(row.wide, tile.rows, hidden).channel(param).plus(row.residual);
        if self.shape().scales == Scales::Dynamic {
            sum = sum.scaled_by_row(self.plan.entry.activation[1]);
        }
        self.norm(sum, layer.ffn_norm, ffn_eps, tile);
        self.hand_on(index + 1, tile);
    }

    /// Stores the residual and computes Q, K and V of layer `next`; behind the last layer the residual is the output.
    fn hand_on(&mut self, next: u32, tile: Tile) {
        let (hidden, row) = (self.shape().hidden, self.plan.row);
        let last = next == self.shape().layers;
        let (region, offset) = if last { (ops::OUTPUT, 0) } else { (ops::WORKSPACE, self.workspace.residual) };
        let to = self.residual_rows(region, offset, tile);
        self.emit(ops::store(Memory::Acc, Format::I16, row.residual, to, tile.rows, hidden));
        if last {
            return;
        }
        let layer = self.encoder.layout.layers[next as usize];
        self.tag(Some(next), "attention.qkv");
        self.narrow_input(layer.qkv_in, tile);
        for chunk in self.chunks(layer.qkv_weight.rows) {
            let (products, narrow) = (row.products[chunk.side], row.narrow[chunk.side]);
            self.product(row.input, layer.qkv_weight, [0, hidden], [chunk.start, chunk.cols], products, tile, false);
            let param = self.chunk_params(layer.qkv, chunk.start, chunk.cols);
            let pass = Pass::over(products, tile.rows, chunk.cols).channel(param);
            self.emit(self.scaled_by_input(pass).to(Output::Spad8, narrow, QKV_SHIFT));
            let to = self.qkv().at(tile.start, chunk.start);
            self.emit(ops::store(Memory::Spad, Format::I8, narrow, to, tile.rows, chunk.cols));
        }
    }

    /// Two matrices with the activation between, the intermediate never leaving the chip. The first product of a chunk is
    /// issued before the second of the chunk before it, so that the array works while the lanes apply the activation.
    fn ffn_static(&mut self, index: u32, layer: &LayerLayout, tile: Tile) {
        let row = self.plan.row;
        let mut pending = None;
        for chunk in self.chunks(layer.up_weight.rows) {
            self.up(index, layer, chunk, tile);
            if let Some(before) = pending.replace(chunk) {
                self.down(index, layer, before, tile);
            }
            self.tag(Some(index), "ffn.activation");
            let products = row.products[chunk.side];
            let param = self.chunk_params(layer.up, chunk.start, chunk.cols);
            let pass = Pass::over(products, tile.rows, chunk.cols).channel(param).function(self.activation());
            self.emit(pass.to(Output::Acc32, products, 0));
            let param = self.chunk_params(layer.activation, chunk.start, chunk.cols);
            let pass = Pass::over(products, tile.rows, chunk.cols).channel(param);
            self.emit(pass.to(Output::Spad8, row.narrow[chunk.side], 0));
        }
        if let Some(last) = pending {
            self.down(index, layer, last, tile);
        }
    }

    /// As the static form, but the activation's scale is known only when a whole row is: the row waits in DRAM, 16 bits
    /// wide.
    fn ffn_dynamic(&mut self, index: u32, layer: &LayerLayout, tile: Tile) {
        let (row, [maximum, scale]) = (self.plan.row, self.plan.entry.activation);
        let spill = self.spill(self.spill_side);
        self.spill_side ^= 1;
        for chunk in self.chunks(layer.up_weight.rows) {
            self.up(index, layer, chunk, tile);
            self.tag(Some(index), "ffn.activation");
            let products = row.products[chunk.side];
            let param = self.chunk_params(layer.up, chunk.start, chunk.cols);
            let pass = Pass::over(products, tile.rows, chunk.cols).channel(param).function(self.activation());
            self.emit(self.scaled_by_input(pass).to(Output::Acc32, products, 0));
            let param = self.chunk_params(layer.activation, chunk.start, chunk.cols);
            let pass =
                Pass::over(products, tile.rows, chunk.cols).channel(param).stat(Stat::AbsMax, maximum, chunk.first);
            self.emit(pass.to(Output::Acc16, products, 0));
            self.emit(ops::store(
                Memory::Acc,
                Format::I16,
                products,
                spill.at(0, 2 * chunk.start),
                tile.rows,
                chunk.cols,
            ));
        }
        self.emit(ops::scales(maximum, scale, tile.rows, Shape::row_shift(layer.down_weight.cols)));
        self.emit(ops::quantizers(maximum, tile.rows, LEVELS));
        for chunk in self.chunks(layer.up_weight.rows) {
            self.tag(Some(index), "ffn.activation");
            let products = row.products[chunk.side];
            self.emit(ops::load(
                Memory::Acc,
                Format::I16,
                spill.at(0, 2 * chunk.start),
                products,
                tile.rows,
                chunk.cols,
            ));
            let pass = Pass::over(products, tile.rows, chunk.cols).scaled_by_row(maximum);
            self.emit(pass.to(Output::Spad8, row.narrow[chunk.side], 0));
            self.down(index, layer, chunk, tile);
        }
    }

    fn up(&mut self, index: u32, layer: &LayerLayout, chunk: Chunk, tile: Tile) {
        self.tag(Some(index), "ffn.up");
        let (row, hidden) = (self.plan.row, self.shape().hidden);
        let products = row.products[chunk.side];
        self.product(row.input, layer.up_weight, [0, hidden], [chunk.start, chunk.cols], products, tile, false);
    }

    fn down(&mut self, index: u32, layer: &LayerLayout, chunk: Chunk, tile: Tile) {
        self.tag(Some(index), "ffn.down");
        let (row, hidden) = (self.plan.row, self.shape().hidden);
        let (narrow, inner) = (row.narrow[chunk.side], [chunk.start, chunk.cols]);
        self.product(narrow, layer.down_weight, inner, [0, hidden], row.wide, tile, !chunk.first);
    }

    /// Completes `sum` with LayerNorm: its 16-bit result is the new residual.
    fn norm(&mut self, sum: Pass, records: Records, eps: u32, tile: Tile) {
        let (row, entry, hidden) = (self.plan.row, self.plan.entry.norm, self.shape().hidden);
        self.emit(sum.stat(Stat::Moments, entry, true).to(Output::Acc18, row.wide, 0));
        self.emit(ops::norm_scales(entry, tile.rows, hidden, eps));
        let param = self.wide_params(records);
        let pass = Pass::over(row.wide, tile.rows, hidden).normalised(entry).channel(param);
        self.emit(pass.to(Output::Acc16, row.residual, 0));
    }

    /// Makes the INT8 input of a product from the residual.
    fn narrow_input(&mut self, records: Records, tile: Tile) {
        let (row, hidden) = (self.plan.row, self.shape().hidden);
        let param = self.wide_params(records);
        let pass = Pass::over(row.residual, tile.rows, hidden).channel(param);
        match self.shape().scales {
            Scales::Static => self.emit(pass.to(Output::Spad8, row.input, 0)),
            Scales::Dynamic => {
                let [maximum, scale] = self.plan.entry.input;
                self.emit(pass.stat(Stat::AbsMax, maximum, true).to(Output::Acc18, row.wide, 0));
                self.emit(ops::scales(maximum, scale, tile.rows, Shape::row_shift(hidden)));
                self.emit(ops::quantizers(maximum, tile.rows, LEVELS));
                let pass = Pass::over(row.wide, tile.rows, hidden).scaled_by_row(maximum);
                self.emit(pass.to(Output::Spad8, row.input, 0));
            }
        }
    }

    /// The row scale of the input, where there is one.
    fn scaled_by_input(&self, pass: Pass) -> Pass {
        match self.shape().scales {
            Scales::Static => pass,
            Scales::Dynamic => pass.scaled_by_row(self.plan.entry.input[1]),
        }
    }

    fn activation(&self) -> Function {
        if self.shape().relu { Function::Relu } else { Function::Gelu }
    }

    /// `to[rows, n] (+)= from[rows, k] weight[n, k]^T` over the inner range `k` and the output range `n`, each (start,
    /// length), streaming the weights through the buffers.
    #[expect(clippy::too_many_arguments, reason = "a product has as many operands")]
    fn product(
        &mut self,
        from: Area,
        weight: Weight,
        k: [u32; 2],
        n: [u32; 2],
        to: Area,
        tile: Tile,
        accumulate: bool,
    ) {
        let (config, row) = (self.config(), self.plan.row);
        let stride = config.words(k[1]);
        // A full array's height or a multiple, so that every piece of the result begins at a word.
        let most = row.weight_words / stride / config.n * config.n;
        for start in (0..n[1]).step_by(most as usize) {
            let rows = most.min(n[1] - start);
            let b = Area { base: row.weights + self.weight_side * row.weight_words, stride };
            self.weight_side = (self.weight_side + 1) % WEIGHT_BUFFERS;
            let source = Dram { region: ops::CONSTANTS, offset: weight.offset, pitch: weight.pitch };
            self.emit(ops::load(Memory::Spad, Format::I8, source.at(n[0] + start, k[0]), b, rows, k[1]));
            let c = to.right(config.words(start));
            self.emit(Product { a: from, b, c, size: [tile.rows, k[1], rows], accumulate, transpose_b: true });
        }
    }

    /// Loads the records of a whole row; returns their first word.
    pub(super) fn wide_params(&mut self, records: Records) -> u32 {
        let base = self.plan.param.wide[self.wide_side];
        self.wide_side ^= 1;
        self.params(records, 0, records.count, base)
    }

    fn chunk_params(&mut self, records: Records, start: u32, count: u32) -> u32 {
        let base = self.plan.param.chunk + self.chunk_side * self.plan.param.chunk_words;
        self.chunk_side = (self.chunk_side + 1) % CHUNK_BUFFERS;
        self.params(records, start, count, base)
    }

    fn params(&mut self, records: Records, start: u32, count: u32, base: u32) -> u32 {
        let from = Dram { region: ops::CONSTANTS, offset: records.offset + start * PARAM_BYTES, pitch: 0 };
        self.emit(ops::load(Memory::Param, Format::Record, from, Area { base, stride: 0 }, 1, count));
        base
    }

    fn chunks(&self, cols: u32) -> impl Iterator<Item = Chunk> + use<> {
        let size = self.plan.row.chunk;
        (0..cols.div_ceil(size)).map(move |i| Chunk {
            start: i * size,
            cols: size.min(cols - i * size),
            side: i as usize % 2,
            first: i == 0,
        })
    }
}

/// Fractional bits that the requantization of Q, K and V keeps until the bias is added.
pub const QKV_SHIFT: u8 = 6;
/// Largest INT8 magnitude of a dynamically scaled row.
pub const LEVELS: u16 = 127;
