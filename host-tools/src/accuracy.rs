//! What quantization costs: measured whenever a checkpoint is quantized, and refused when it is too much.

use anyhow::bail;
use systole_isa::config::N32;
use systole_runtime::accuracy::{Effort, measure};
use systole_runtime::checkpoint::Checkpoint;
use systole_runtime::quantize::{Accuracy, LengthAccuracy, QuantizedModel, Scales, Split};

use crate::device::simulator;
use crate::output::{Output, note};
use crate::view::table::table;
use crate::view::{dim, heading};

/// Least mean cosine at every length, unless told otherwise. Models that lose more than this were seen to rank sentence
/// pairs worse by half a point of Spearman's correlation and more; what is sound has 0.99 (`docs/accuracy.md`).
pub const ACCEPTED: f64 = 0.98;

/// Quantizes and measures.
pub fn quantize(
    checkpoint: &Checkpoint,
    split: &Split,
    scales: Scales,
    effort: Effort,
) -> anyhow::Result<QuantizedModel> {
    let (mut model, diagnostics) = QuantizedModel::quantize_diagnosed(checkpoint, &split.calibration, scales)?;
    // Every configuration computes the same bits; this one is simulated fastest.
    model.accuracy = Some(measure(checkpoint, &model, &diagnostics, split, effort, &|| Ok(simulator(&N32)))?);
    Ok(model)
}

/// Refuses a model whose mean cosine at its worst length is below `accepted`, and warns of a weak calibration.
pub fn judge(model: &QuantizedModel, split: &Split, accepted: f64) -> anyhow::Result<()> {
    match model.accuracy.as_ref().and_then(Accuracy::worst_length) {
        // Written so that a mean which is no number is refused.
        Some(worst) if worst.mean >= accepted => {}
        Some(worst) => bail!(refusal(worst, split, model.encoder.shape.scales, accepted)),
        None => bail!("the model takes fewer than 8 tokens, so its accuracy cannot be measured; use another model"),
    }
    if split.distinct() < Split::ADVISED {
        let (count, advised) = (count(split), Split::ADVISED);
        note(&format!("warning: {count}; give {advised} or more that resemble what the model will see"));
    }
    Ok(())
}

fn count(split: &Split) -> String {
    match split.distinct() {
        1 => "there is only one distinct calibration text".to_owned(),
        n => format!("there are only {n} distinct calibration texts"),
    }
}

fn refusal(worst: &LengthAccuracy, split: &Split, scales: Scales, accepted: f64) -> String {
    let LengthAccuracy { tokens, mean, .. } = worst;
    let remedy = if split.distinct() < Split::ADVISED {
        format!("{}: give a hundred, or leave --calibration out", count(split))
    } else if scales == Scales::Static {
        "try --scales dynamic, or --calibration with texts like those the model will see".to_owned()
    } else {
        "try --calibration with texts like those the model will see".to_owned()
    };
    format!(
        "the quantized model is too far from fp32: at {tokens} tokens its embeddings have a mean cosine of {mean:.4}, \
         below {accepted}; {remedy}; --accept-accuracy with a lower bound takes it as it is"
    )
}

/// A table by length, and where accuracy is lost.
pub fn show(accuracy: &Accuracy, out: &mut Output) -> std::io::Result<()> {
    let texts = if accuracy.built_in_texts { "built-in texts" } else { "texts that were held out of the calibration" };
    out.line(format_args!("\n{}", heading(&format!("accuracy: cosine to fp32 of {texts}"))))?;
    let mut lengths = table(&[">tokens", ">texts", ">joined", ">mean", ">1st percentile", ">lowest"]);
    for LengthAccuracy { tokens, texts, joined, mean, p1, min } in &accuracy.by_length {
        let [mean, p1, min] = [mean, p1, min].map(|cosine| format!("{cosine:.4}"));
        lengths.add_row([tokens.to_string(), texts.to_string(), joined.to_string(), mean, p1, min]);
    }
    out.line(lengths.trim_fmt())?;
    out.line(dim("joined: made of shorter texts, for lack of such long ones"))?;
    let Some(losses) = &accuracy.losses else { return Ok(()) };
    let layers: Vec<String> = losses.layers.iter().map(|error| percent(*error)).collect();
    out.line(format_args!("error of the layers' outputs: {}", layers.join(", ")))?;
    let tensor = &losses.tensor;
    let place = tensor.layer.map_or(String::new(), |layer| format!(" of layer {layer}"));
    let (worst, error) = (losses.worst_layer(), percent(tensor.error));
    out.line(format_args!("layer {worst} adds most; least exact tensor: {}{place}, {error}", tensor.tensor))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Parses a bound.
pub fn parse_cosine(text: &str) -> Result<f64, String> {
    let cosine = text.parse().ok().filter(|cosine| (-1.0..=1.0).contains(cosine));
    cosine.ok_or_else(|| "a cosine is a number from -1 to 1".to_owned())
}
