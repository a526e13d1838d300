//! How the on-chip memories are divided, for one shape, length, batch and configuration.
//!
//! A layer is computed in two phases that share the memories: attention, by head and query tile; and everything that acts
//! on single tokens (output projection, LayerNorm, feed-forward block, the next layer's Q, K and V), by row tile. The
//! larger a row tile, the less often the weights are read from DRAM; N rows keep the array busy, 2 N leave the bus idle
//! half of the time.

use systole_isa::access::Space;
use systole_isa::{DRAM_ALIGN, HwConfig};

use super::CompileError;
use super::scheduler::granule;
use crate::quantize::Shape;

/// A matrix on chip: first word, and words from row to row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// First word.
    pub base: u32,
    /// Words from row to row.
    pub stride: u32,
}

impl Area {
    /// The same rows from word column `words` on.
    pub fn right(self, words: u32) -> Self {
        Self { base: self.base + words, ..self }
    }
}

/// Two buffers used in turn.
pub type Pair = [Area; 2];

/// The row phase's memory.
#[derive(Clone, Copy, Debug)]
pub struct RowPlan {
    /// Rows of a tile.
    pub rows: u32,
    /// Columns of a chunk of Q, K, V or of the feed-forward block.
    pub chunk: u32,
    /// SPAD: INT8 input of the products.
    pub input: Area,
    /// SPAD: context of all heads.
    pub context: Area,
    /// SPAD: INT8 results of a chunk.
    pub narrow: Pair,
    /// SPAD: first weight buffer.
    pub weights: u32,
    /// Words of a weight buffer.
    pub weight_words: u32,
    /// ACC: the residual.
    pub residual: Area,
    /// ACC: a product of full width, and what becomes of it.
    pub wide: Area,
    /// ACC: products of a chunk.
    pub products: Pair,
}

/// Weight buffers of the row phase: one in use, one loading, one waiting.
pub const WEIGHT_BUFFERS: u32 = 3;

/// The attention phase's memory.
#[derive(Clone, Copy, Debug)]
pub struct AttentionPlan {
    /// Query rows of a tile.
    pub rows: u32,
    /// Key and value rows that are on chip at a time; the whole sequence where it fits.
    pub keys: u32,
    /// Key buffers, and as many value buffers.
    pub buffers: u32,
    /// SPAD: queries.
    pub query: Pair,
    /// SPAD: exponentials.
    pub exponentials: Pair,
    /// SPAD: INT8 context.
    pub narrow: Pair,
    /// SPAD: first key buffer; the value buffers follow.
    pub key: u32,
    /// ACC: scores.
    pub scores: Pair,
    /// ACC: context.
    pub context: Pair,
}

/// PARAM: two buffers for records of a whole row, four for a chunk's, and the heads' exponents.
#[derive(Clone, Copy, Debug)]
pub struct ParamPlan {
    /// Whole rows.
    pub wide: [u32; 2],
    /// First chunk buffer.
    pub chunk: u32,
    /// Words of a chunk buffer.
    pub chunk_words: u32,
    /// Exponent records, one word a head.
    pub exponents: u32,
}

/// Chunk buffers in PARAM.
pub const CHUNK_BUFFERS: u32 = 4;

/// ROW: first entries of the areas, each as long as a tile.
#[derive(Clone, Copy, Debug)]
pub struct EntryPlan {
    /// LayerNorm's moments, then its scale.
    pub norm: u32,
    /// Dynamic input: maximum, then quantizer; and the scale.
    pub input: [u32; 2],
    /// Dynamic activation: maximum, then quantizer; and the scale.
    pub activation: [u32; 2],
    /// Row maxima of the scores.
    pub maxima: [u32; 2],
    /// Sums of the exponentials, then their reciprocals.
    pub sums: [u32; 2],
}

/// Everything the compiler decides before it emits.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Row phase.
    pub row: RowPlan,
    /// Attention phase.
    pub attention: AttentionPlan,
    /// PARAM.
    pub param: ParamPlan,
    /// ROW.
    pub entry: EntryPlan,
}

/// Hands out consecutive words.
struct Bump(u32);

impl Bump {
    fn take(&mut self, words: u32) -> u32 {
        let base = self.0;
        self.0 += words;
        base
    }
    fn align(&mut self, words: u32) {
        self.0 = self.0.next_multiple_of(words);
    }
    fn matrix(&mut self, rows: u32, words: u32) -> Area {
        Area { base: self.take(rows * words), stride: words }
    }
    fn pair(&mut self, rows: u32, words: u32) -> Pair {
        [self.matrix(rows, words), self.matrix(rows, words)]
    }
}

/// Words of a bank of SPAD. GEMM reads its rows and its weights in the same cycle only from different banks.
fn spad_bank(config: &HwConfig) -> u32 {
    config.spad_words / config.spad_banks
}

/// Rows per tile such that the tiles are about equally high.
fn balanced(total: u32, most: u32) -> u32 {
    total.div_ceil(total.div_ceil(most))
}

impl Plan {
    /// Divides the memories.
    ///
    /// # Errors
    /// [`CompileError::DoesNotFit`], naming the phase, if not even one row fits.
    pub fn new(shape: &Shape, config: &HwConfig, tokens: u32, batch: u32) -> Result<Self, CompileError> {
        let missing = |what| CompileError::DoesNotFit { what, hidden: shape.hidden, tokens, config: config.name };
        let entries = config.row_entries / 16;
        let row = heights(2 * entries)
            .flat_map(|rows| [256, 128, 64, 32].map(|chunk| (rows, chunk)))
            .find_map(|(rows, chunk)| RowPlan::fit(shape, config, balanced(tokens * batch, rows), chunk))
            .ok_or_else(|| missing("the rows of a layer"))?;
        let attention = heights(entries + entries / 2)
            .find_map(|rows| AttentionPlan::fit(shape, config, tokens, balanced(tokens, rows)))
            .ok_or_else(|| missing("a head's attention"))?;
        let param = ParamPlan::fit(shape, config, row.chunk).ok_or_else(|| missing("the parameters of a layer"))?;
        let mut at = Bump(0);
        let (r, q) = (2 * entries, entries + entries / 2);
        let entry = EntryPlan {
            norm: at.take(r),
            input: [at.take(r), at.take(r)],
            activation: [at.take(r), at.take(r)],
            maxima: [at.take(q), at.take(q)],
            sums: [at.take(q), at.take(q)],
        };
        Ok(Self { row, attention, param, entry })
    }
}

/// Tile heights to try: multiples of 8, then whatever is left.
fn heights(most: u32) -> impl Iterator<Item = u32> {
    (1..=most / 8).rev().map(|i| 8 * i).chain((1..8).rev())
}

impl RowPlan {
    fn fit(shape: &Shape, config: &HwConfig, rows: u32, chunk: u32) -> Option<Self> {
        let hidden = config.words(shape.hidden);
        let heads = config.words(shape.heads_pitch());
        let chunk_words = config.words(chunk);
        let mut acc = Bump(0);
        let residual = acc.matrix(rows, hidden);
        let wide = acc.matrix(rows, hidden);
        let products = acc.pair(rows, chunk_words);
        let mut spad = Bump(0);
        let input = spad.matrix(rows, hidden);
        let context = spad.matrix(rows, heads);
        let narrow = spad.pair(rows, chunk_words);
        // A weight buffer holds at least one tile's worth of rows of the longest inner dimension.
        let least = config.n * hidden.max(heads).max(chunk_words);
        let weights_from = |weights: u32| {
            let weight_words = config.spad_words.checked_sub(weights)? / WEIGHT_BUFFERS;
            (weight_words >= least).then_some((weights, weight_words))
        };
        let (weights, weight_words) =
            weights_from(spad.0.next_multiple_of(spad_bank(config))).or_else(|| weights_from(spad.0))?;
        let fits = acc.0 <= config.acc_words;
        fits.then_some(Self { rows, chunk, input, context, narrow, weights, weight_words, residual, wide, products })
    }
}

impl AttentionPlan {
    fn fit(shape: &Shape, config: &HwConfig, tokens: u32, rows: u32) -> Option<Self> {
        let head = config.words(shape.head_pitch());
        let row = config.words(tokens);
        let [acc, packed_acc] = [true, false].map(|apart| AttentionAcc::place(config, rows, row, head, apart));
        let AttentionAcc { scores, context } = acc.or(packed_acc)?;

        // Apart, keys and values lie in other banks than the rows they meet, and no two buffers share a granule.
        let place = |apart: bool, keys: u32, buffers: u32| {
            let [granule, bank] = if apart { [granule(Space::Spad), spad_bank(config)] } else { [1, 1] };
            let mut spad = Bump(0);
            let pair = |spad: &mut Bump, words: u32| {
                [0, 1].map(|_| {
                    spad.align(granule);
                    spad.matrix(rows, words)
                })
            };
            let (query, exponentials) = (pair(&mut spad, head), pair(&mut spad, row));
            spad.align(bank);
            let key = spad.take(2 * buffers * keys * head);
            spad.align(bank);
            let narrow = pair(&mut spad, head);
            let plan = Self { rows, keys, buffers, query, exponentials, narrow, key, scores, context };
            (spad.0 <= config.spad_words).then_some(plan)
        };
        // Where not even one head's keys and values fit, they pass through in pieces that begin at a word of any array.
        let room = config.spad_words.checked_sub(2 * rows * (2 * head + row))?;
        let pieces = room / (4 * head) / DRAM_ALIGN * DRAM_ALIGN;
        let choices = [(tokens, 2), (tokens, 1), (pieces, 2)].into_iter().filter(|c| c.0 > 0);
        choices.flat_map(|c| [(true, c), (false, c)]).find_map(|(apart, (keys, buffers))| place(apart, keys, buffers))
    }
}

/// ACC in the attention phase.
struct AttentionAcc {
    scores: Pair,
    context: Pair,
}

impl AttentionAcc {
    /// One behind the other, or `apart`: what GEMM computes in other banks than what VECTOR reads meanwhile. That is the
    /// other side's scores, and the context of the item before while its own side's next scores begin.
    fn place(config: &HwConfig, rows: u32, row: u32, head: u32, apart: bool) -> Option<Self> {
        let bank = config.acc_words / config.acc_banks;
        let half = config.acc_words / 2;
        let [first, second] = [0, 1].map(|side| {
            let mut acc = Bump(side * half);
            let scores = acc.matrix(rows, row);
            if acc.0.next_multiple_of(bank) + rows * head <= (side + 1) * half {
                acc.align(bank);
            }
            let context = acc.matrix(rows, head);
            (acc.0 <= (side + 1) * half).then_some((scores, context))
        });
        if apart {
            let ((scores0, context0), (scores1, context1)) = first.zip(second)?;
            return Some(Self { scores: [scores0, scores1], context: [context0, context1] });
        }
        let mut acc = Bump(0);
        let (scores, context) = (acc.pair(rows, row), acc.pair(rows, head));
        (acc.0 <= config.acc_words).then_some(Self { scores, context })
    }
}

impl ParamPlan {
    fn fit(shape: &Shape, config: &HwConfig, chunk: u32) -> Option<Self> {
        let wide = config.words(shape.hidden.max(shape.heads_pitch()));
        let chunk_words = config.words(chunk);
        let mut at = Bump(0);
        let plan = Self {
            wide: [at.take(wide), at.take(wide)],
            chunk: at.take(CHUNK_BUFFERS * chunk_words),
            chunk_words,
            exponents: at.take(shape.heads),
        };
        (at.0 <= config.param_words).then_some(plan)
    }
}
