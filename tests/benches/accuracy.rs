//! Accuracy on the whole STS-B test split: `cargo bench -p systole-tests --bench accuracy [-- --json]`.
//!
//! Prints one row for each model and mode, and fails when one falls short of what the project states; then the cosines by
//! length: sentences of that split, and excerpts of novels.

use std::process::ExitCode;

use systole_isa::config::N32;
use systole_runtime::accuracy::{Effort, LENGTHS, measure};
use systole_runtime::checkpoint::Checkpoint;
use systole_runtime::quantize::{LengthAccuracy, QuantizedModel, Scales, Split, default_calibration};
use systole_sim::Simulator;
use systole_tests::quality::{Baseline, Quality};
use systole_tests::{models, sts};

/// Sessions side by side.
const THREADS: usize = 2;

/// Mode, least mean cosine, least cosine, largest loss of Spearman's correlation in points.
const MODES: [(Scales, f64, f64, f64); 2] = [(Scales::Static, 0.997, 0.975, 0.3), (Scales::Dynamic, 0.998, 0.99, 0.3)];

#[derive(serde::Serialize)]
struct Row {
    model: &'static str,
    scales: Scales,
    #[serde(flatten)]
    quality: Quality,
    by_length: Vec<LengthAccuracy>,
    shortfall: Option<String>,
}

/// Least mean at any length of more than a sentence.
const LONG: f64 = 0.992;
/// Texts of each length.
const BY_LENGTH: Effort = Effort { texts: [64, 64, 16, 12, 12], losses: false };

fn by_length(checkpoint: &Checkpoint, model: &QuantizedModel) -> Vec<LengthAccuracy> {
    let mut held_out: Vec<String> = sts::pairs("test").into_iter().map(|pair| pair.first).collect();
    for text in models::novels() {
        // About 110, 230 and 480 tokens.
        held_out.extend([90, 190, 400].map(|words| text.split(' ').take(words).collect::<Vec<_>>().join(" ")));
    }
    let split = Split { held_out, ..Split::built_in() };
    let open = || Ok(Box::new(Simulator::new(&N32)) as _);
    let accuracy = measure(checkpoint, model, &Default::default(), &split, BY_LENGTH, &open).expect("it runs");
    accuracy.by_length
}

fn rows(model: &'static str, directory: &std::path::Path) -> Vec<Row> {
    let checkpoint = Checkpoint::open(directory).expect("tests/fetch-models fetched a checkpoint");
    let baseline = Baseline::new(&checkpoint, &sts::pairs("test"));
    let row = |&(scales, mean, min, points): &(Scales, f64, f64, f64)| {
        let quantized = QuantizedModel::quantize(&checkpoint, &default_calibration(), scales).expect("it quantizes");
        let quality = baseline.compare(&quantized, &N32, THREADS);
        let change = quality.spearman - quality.spearman_fp32;
        let drifted = || (change.abs() > points).then(|| format!("Spearman changes by {change:.2} points"));
        let by_length = by_length(&checkpoint, &quantized);
        let short = || {
            let short = by_length.iter().find(|length| length.mean < LONG);
            short.map(|length| format!("at {} tokens the mean is {:.5} (at least {LONG})", length.tokens, length.mean))
        };
        let shortfall = quality.shortfall(mean, min).or_else(drifted).or_else(short);
        Row { model, scales, quality, by_length, shortfall }
    };
    MODES.iter().map(row).collect()
}

fn main() -> ExitCode {
    let rows: Vec<Row> =
        rows("all-MiniLM-L6-v2", &models::minilm()).into_iter().chain(rows("small", &models::small())).collect();
    if std::env::args().any(|argument| argument == "--json") {
        println!("{}", serde_json::to_string_pretty(&rows).expect("figures are JSON"));
    } else {
        println!("| model | scales | mean cos | min | 1st percentile | Spearman fp32 | Spearman | seconds |");
        println!("|---|---|---|---|---|---|---|---|");
        for Row { model, scales, quality: q, .. } in &rows {
            let scales = format!("{scales:?}").to_lowercase();
            let Quality { mean, min, percentile, spearman_fp32, spearman, seconds, .. } = q;
            println!(
                "| {model} | {scales} | {mean:.4} | {min:.4} | {percentile:.4} | {spearman_fp32:.2} | {spearman:.2} | {seconds:.0} |"
            );
        }
        let lengths = LENGTHS.map(|tokens| format!(" {tokens} |")).concat();
        println!("\n| model | scales |{lengths}\n|---|---|{}", "---|".repeat(LENGTHS.len()));
        for Row { model, scales, by_length, .. } in &rows {
            let means: String = by_length.iter().map(|length| format!(" {:.4} |", length.mean)).collect();
            println!("| {model} | {} |{means}", format!("{scales:?}").to_lowercase());
        }
    }
    let mut code = ExitCode::SUCCESS;
    for Row { model, scales, shortfall, .. } in &rows {
        if let Some(shortfall) = shortfall {
            eprintln!("{model}, {scales:?}: {shortfall}");
            code = ExitCode::FAILURE;
        }
    }
    code
}
