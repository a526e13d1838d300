//! From a model's description to a program for one configuration, sequence length and batch.
//!
//! 1. `plan` divides the on-chip memories.
//! 2. `rows` and `attention` walk through the encoder and emit operations as if one unit executed them in order.
//! 3. `scheduler` derives the semaphores from what the operations touch.
//!
//! The numbers a program computes do not depend on the configuration, the tiling or the batch: every operation is exact,
//! and what a tile computes for a row depends on that row alone.

mod attention;
mod ops;
mod plan;
mod rows;
mod scheduler;
#[cfg(test)]
mod tests;

use systole_driver::verifier::{MAX_INSTRUCTIONS, MAX_WRITABLE_BYTES};
use systole_driver::{Program, RegionSpec, Tag};
use systole_isa::{ABI_HASH, DRAM_ALIGN, HwConfig, REGIONS};

use ops::Dram;
pub use ops::{CONSTANTS, INPUT, OUTPUT, WORKSPACE};
use plan::Plan;
use rows::Tile;
pub use rows::{LEVELS, QKV_SHIFT};
use scheduler::Scheduler;

use crate::quantize::{Encoder, Scales, Shape};

/// Fractional bits of a normalised value, before gamma.
pub const NORM_FRAC: u32 = ops::NORM_FRAC as u32;
/// Fractional bits of the context after softmax's division.
pub const SOFTMAX_FRAC: u32 = ops::SOFTMAX_FRAC as u32;

/// Why a model cannot be compiled.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompileError {
    /// The sequence length is 0 or above the model's maximum.
    #[error("cannot compile for {tokens} tokens: the model takes 1 to {max}")]
    Length {
        /// Asked for.
        tokens: u32,
        /// The model's maximum.
        max: u32,
    },
    /// The batch is 0.
    #[error("cannot compile for a batch of 0 sequences: give at least 1")]
    EmptyBatch,
    /// The smallest tiles exceed a memory.
    #[error("{what} (hidden {hidden}, {tokens} tokens) do not fit configuration {config}: use a larger one")]
    DoesNotFit {
        /// The phase.
        what: &'static str,
        /// Width of the residual stream.
        hidden: u32,
        /// Sequence length.
        tokens: u32,
        /// The configuration's name.
        config: &'static str,
    },
    /// The activations exceed what an instruction can address.
    #[error("{tokens} tokens times batch {batch} need more than 4 GiB of workspace: use a smaller batch")]
    Workspace {
        /// Sequence length.
        tokens: u32,
        /// Sequences.
        batch: u32,
    },
    /// The program exceeds what is verified and submitted at once.
    #[error("{tokens} tokens times batch {batch} need more than {max} {what} in one program: use a smaller batch")]
    TooLarge {
        /// Sequence length.
        tokens: u32,
        /// Sequences.
        batch: u32,
        /// What there is too much of.
        what: &'static str,
        /// The most of it.
        max: u64,
    },
}

/// Byte offsets in the workspace region.
#[derive(Clone, Copy, Debug)]
struct Workspace {
    /// Residual, `[rows, hidden]` INT16.
    residual: u32,
    /// Q, K and V side by side, `[rows, 3 * heads_pitch]` INT8.
    qkv: u32,
    /// Context, `[rows, heads_pitch]` INT8.
    context: u32,
    /// Two tiles of unscaled activations, `[tile rows, intermediate]` INT16; dynamic scales only.
    spill: [u32; 2],
    /// Total.
    bytes: u32,
}

struct Compiler<'a> {
    encoder: &'a Encoder,
    plan: Plan,
    workspace: Workspace,
    tokens: u32,
    batch: u32,
    scheduler: Scheduler,
    tags: Vec<Tag>,
    weight_side: u32,
    wide_side: usize,
    chunk_side: u32,
    spill_side: usize,
}

/// Bytes of a row of the residual in DRAM; also the pitch of the program's input and output.
pub fn residual_pitch(shape: &Shape) -> u32 {
    (2 * shape.hidden).next_multiple_of(DRAM_ALIGN)
}

/// Compiles the encoder for `batch` sequences of exactly `tokens` tokens.
///
/// The program reads region [`INPUT`] (`[batch * tokens, hidden]` INT16, the embedding sums, [`residual_pitch`] bytes a
/// row) and writes region [`OUTPUT`] (the last hidden states in the same form).
///
/// # Errors
/// [`CompileError`].
pub fn compile(encoder: &Encoder, config: &'static HwConfig, tokens: u32, batch: u32) -> Result<Program, CompileError> {
    let shape = &encoder.shape;
    let _span = tracing::info_span!("compile", config = config.name, tokens, batch).entered();
    if tokens == 0 || tokens > shape.max_tokens {
        return Err(CompileError::Length { tokens, max: shape.max_tokens });
    }
    if batch == 0 {
        return Err(CompileError::EmptyBatch);
    }
    let too_large = CompileError::Workspace { tokens, batch };
    let rows = tokens.checked_mul(batch).filter(|&r| r <= u32::MAX / 64).ok_or(too_large)?;
    let plan = Plan::new(shape, config, tokens, batch)?;
    let too_large = CompileError::Workspace { tokens, batch };
    let workspace = Workspace::new(shape, rows, plan.row.rows).ok_or(too_large)?;
    let too_large = CompileError::Workspace { tokens, batch };
    let io = u32::try_from(u64::from(rows) * u64::from(residual_pitch(shape))).map_err(|_| too_large)?;

    let region =
        |name: &str, size: u32, writable, initialised| RegionSpec { name: name.into(), size, writable, initialised };
    let mut regions: [RegionSpec; REGIONS] = Default::default();
    regions[usize::from(CONSTANTS)] = region("constants", encoder.layout.bytes, false, true);
    regions[usize::from(INPUT)] = region("input", io, false, true);
    regions[usize::from(OUTPUT)] = region("output", io, true, false);
    regions[usize::from(WORKSPACE)] = region("workspace", workspace.bytes, true, false);

    let mut writable = [0; REGIONS];
    for (bytes, region) in writable.iter_mut().zip(&regions).filter(|(_, r)| r.writable) {
        *bytes = region.size;
    }
    if writable.iter().map(|&bytes| u64::from(bytes)).sum::<u64>() > MAX_WRITABLE_BYTES {
        return Err(CompileError::TooLarge { tokens, batch, what: "bytes of activations", max: MAX_WRITABLE_BYTES });
    }
    let scheduler = Scheduler::new(config, writable);
    let mut compiler = Compiler {
        encoder,
        plan,
        workspace,
        tokens,
        batch,
        scheduler,
        tags: Vec::new(),
        weight_side: 0,
        wide_side: 0,
        chunk_side: 0,
        spill_side: 0,
    };
    compiler.encoder_program(rows);
    if compiler.scheduler.is_full() {
        let max = MAX_INSTRUCTIONS as u64;
        return Err(CompileError::TooLarge { tokens, batch, what: "instructions", max });
    }
    let (code, tags) = (compiler.scheduler.finish(), compiler.tags);
    Ok(Program { config, abi_hash: ABI_HASH, tokens, batch, code, regions, tags })
}

impl Workspace {
    fn new(shape: &Shape, rows: u32, tile: u32) -> Option<Self> {
        let mut at = 0u64;
        let mut take = |rows: u32, pitch: u64| {
            let offset = u32::try_from(at).ok()?;
            // Each array begins at a page of its own, which keeps their dependencies apart.
            at = (at + u64::from(rows) * pitch).next_multiple_of(4096);
            u32::try_from(at).ok().map(|_| offset)
        };
        let residual = take(rows, residual_pitch(shape).into())?;
        let qkv = take(rows, 3 * u64::from(shape.heads_pitch()))?;
        let context = take(rows, shape.heads_pitch().into())?;
        let spilled = if shape.scales == Scales::Dynamic { tile } else { 0 };
        let spill = [take(spilled, spill_pitch(shape).into())?, take(spilled, spill_pitch(shape).into())?];
        Some(Self { residual, qkv, context, spill, bytes: at as u32 })
    }
}

fn spill_pitch(shape: &Shape) -> u32 {
    (2 * shape.intermediate).next_multiple_of(DRAM_ALIGN)
}

impl Compiler<'_> {
    fn encoder_program(&mut self, rows: u32) {
        let height = self.plan.row.rows;
        let tiles =
            move || (0..rows).step_by(height as usize).map(move |start| Tile { start, rows: height.min(rows - start) });
        tiles().for_each(|tile| self.embedding_rows(tile));
        for layer in 0..self.shape().layers {
            self.attention(layer);
            tiles().for_each(|tile| self.layer_rows(layer, tile));
        }
    }

    fn shape(&self) -> &Shape {
        &self.encoder.shape
    }

    fn config(&self) -> &'static HwConfig {
        self.scheduler.config()
    }

    fn emit(&mut self, op: impl Into<systole_isa::Op>) {
        self.scheduler.emit(op);
    }

    /// Tags what follows as an operation of a layer.
    fn tag(&mut self, layer: Option<u32>, op: &str) {
        let layer = layer.map(|l| l as u16);
        let known = self.tags.iter().rposition(|t| t.layer == layer && t.op == op);
        let index = known.unwrap_or_else(|| {
            self.tags.push(Tag { layer, op: op.into() });
            self.tags.len() - 1
        });
        // Tags beyond 16 bits are not recorded; a model would need more than 6000 layers.
        self.scheduler.tag(u16::try_from(index + 1).unwrap_or(0));
    }

    fn residual_rows(&self, region: u8, offset: u32, tile: Tile) -> Dram {
        Dram { region, offset, pitch: residual_pitch(self.shape()) }.at(tile.start, 0)
    }

    fn qkv(&self) -> Dram {
        Dram { region: WORKSPACE, offset: self.workspace.qkv, pitch: 3 * self.shape().heads_pitch() }
    }

    fn context(&self) -> Dram {
        Dram { region: WORKSPACE, offset: self.workspace.context, pitch: self.shape().heads_pitch() }
    }

    fn spill(&self, side: usize) -> Dram {
        Dram { region: WORKSPACE, offset: self.workspace.spill[side], pitch: spill_pitch(self.shape()) }
    }
}
