//! Texts of each length to measure with.

use super::{Effort, LENGTHS};
use crate::checkpoint::{Checkpoint, Encoding, Result};
use crate::quantize::join;

/// Texts of about one length.
pub struct Bucket {
    /// About as long.
    pub tokens: usize,
    /// The texts.
    pub encodings: Vec<Encoding>,
    /// How many were joined from shorter ones.
    pub joined: usize,
}

/// For each length that the model takes: the texts of about this length, spread over the list, and if there are too few
/// of them, texts that are joined from others and cut to the length.
pub fn buckets(checkpoint: &Checkpoint, texts: &[String], effort: Effort) -> Result<Vec<Bucket>> {
    let longest = checkpoint.config.max_positions;
    let encode = |text: &String, tokens| checkpoint.encode(text, Some(tokens));
    let encodings = texts.iter().map(|text| encode(text, longest)).collect::<Result<Vec<_>>>()?;
    let bucket = |(tokens, count): (usize, usize)| {
        let natural: Vec<&Encoding> =
            encodings.iter().filter(|e| (tokens / 2..tokens + tokens / 2).contains(&e.ids.len())).collect();
        let step = (natural.len() / count).max(1);
        let mut chosen: Vec<Encoding> = natural.into_iter().step_by(step).take(count).cloned().collect();
        let joined = count - chosen.len();
        for text in join(texts, &encodings, tokens, joined) {
            chosen.push(encode(&text, tokens)?);
        }
        Ok(Bucket { tokens, encodings: chosen, joined })
    };
    let wanted = LENGTHS.into_iter().zip(effort.texts);
    wanted.filter(|&(tokens, count)| tokens <= longest && count > 0).map(bucket).collect()
}
