//! The settings of sentence-transformers against its own embeddings (`tests/golden/sentence.py`), layout by layout.

use std::path::{Path, PathBuf};

use serde_json::Value;
use systole_isa::config::N32;
use systole_runtime::checkpoint::{Checkpoint, Encoding, Length};
use systole_runtime::quantize::{QuantizedModel, Scales, default_calibration};
use systole_runtime::reference::Reference;
use systole_runtime::{RunOptions, Session};
use systole_sim::Simulator;
use systole_tests::sts::cosine;
use systole_tests::{models, random};

/// Of layouts of the tiny model; the real one is apart.
const LAYOUTS: [&str; 10] = [
    "undescribed",
    "short",
    "tokenizer_length",
    "every_mode",
    "new_names",
    "0_Transformer",
    "dense_and_norm",
    "prompts",
    "prompt_left_out",
    "lower_case",
];

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The checkpoint of a layout: its files laid over the tiny model's.
fn layout(name: &str, directory: &Path) -> PathBuf {
    let whole = directory.join(name);
    let encoder = if name == "0_Transformer" { whole.join(name) } else { whole.clone() };
    copy(&models::tiny(), &encoder);
    let own = models::tiny().join("../sentence").join(name);
    if own.exists() {
        copy(&own, &whole);
    } else {
        std::fs::remove_file(whole.join("modules.json")).unwrap();
    }
    whole
}

/// How a golden embedding was asked for.
struct Row {
    what: String,
    text: String,
    tokens: usize,
    prompt: Option<String>,
    prompt_name: Option<String>,
    dimensions: Option<usize>,
    embedding: Vec<f32>,
}

fn rows(layout: &str) -> Vec<Row> {
    let golden = models::golden("sentence.json");
    let rows = golden[layout].as_array().unwrap_or_else(|| panic!("{layout} has no golden values"));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let row = |row: &Value| Row {
        what: format!("{layout} {} {}", row["how"], row["label"]),
        text: text(&row["text"]).unwrap(),
        tokens: row["tokens"].as_u64().unwrap() as usize,
        prompt: text(&row["arguments"]["prompt"]),
        prompt_name: text(&row["arguments"]["prompt_name"]),
        dimensions: row["arguments"]["truncate_dim"].as_u64().map(|n| n as usize),
        embedding: row["embedding"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect(),
    };
    rows.iter().map(row).collect()
}

impl Row {
    fn encode(&self, model: &QuantizedModel) -> Encoding {
        let prompt = match &self.prompt {
            Some(prompt) => prompt,
            None => model.head.prompt(self.prompt_name.as_deref()).unwrap(),
        };
        let encoding = model.encode_prompted(prompt, &self.text, Length::Model).unwrap();
        assert_eq!(encoding.ids.len(), self.tokens, "{}", self.what);
        encoding
    }
}

/// The lowest cosine of the fp32 reference and of the simulator, and the largest difference of the former.
fn agree(directory: &Path, rows: &[Row], calibration: &[String]) -> (f64, f64, f32) {
    let mut checkpoint = Checkpoint::open(directory).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    // Through a file, so that what it leaves out is seen.
    QuantizedModel::quantize(&checkpoint, calibration, Scales::Dynamic).unwrap().save(file.path()).unwrap();
    let mut model = QuantizedModel::open(file.path()).unwrap();
    assert_eq!(model.head, checkpoint.head);
    let (mut fp32, mut int8, mut difference) = (1f64, 1f64, 0f32);
    for row in rows {
        let encoding = [row.encode(&model)];
        checkpoint.head.dimensions = row.dimensions;
        model.head.dimensions = row.dimensions;
        let exact = Reference::new(&checkpoint).embed(&encoding).unwrap().remove(0);
        let mut session = Session::new(model.clone(), Box::new(Simulator::new(&N32))).unwrap();
        let found = session.embed(&encoding, &RunOptions::default()).unwrap().remove(0);
        assert_eq!((exact.len(), found.len()), (row.embedding.len(), row.embedding.len()), "{}", row.what);
        let worst = exact.iter().zip(&row.embedding).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        let cosines = (cosine(&exact, &row.embedding), cosine(&found, &row.embedding));
        println!("{}: fp32 differs by {worst:e}, cosines {:.7} {:.5}", row.what, cosines.0, cosines.1);
        fp32 = fp32.min(cosines.0);
        int8 = int8.min(cosines.1);
        difference = difference.max(worst);
    }
    (fp32, int8, difference)
}

#[test]
fn every_layout_gives_the_embeddings_of_sentence_transformers() {
    let directory = tempfile::tempdir().unwrap();
    // Each of three prompts is seen before each text.
    let calibration = vec![random::texts(); 3].concat();
    for name in LAYOUTS {
        let (fp32, int8, difference) = agree(&layout(name, directory.path()), &rows(name), &calibration);
        assert!(fp32 > 0.999_999 && difference < 2e-5, "{name}: cosine {fp32}, difference {difference}");
        assert!(int8 >= 0.995, "{name}: INT8 has cosine {int8}");
    }
}

/// Three hundred words and more, of which MiniLM takes 256 tokens.
#[test]
fn minilm_gives_the_embeddings_of_sentence_transformers() {
    let (fp32, int8, difference) = agree(&models::minilm(), &rows("minilm"), &default_calibration());
    assert!(fp32 > 0.999_999 && difference < 2e-6, "cosine {fp32}, difference {difference}");
    // What INT8 costs at this length is the quantizer's matter: docs/accuracy.md.
    assert!(int8 >= 0.994, "INT8 has cosine {int8}");
}

/// A checkpoint with `vocab.txt` alone, against transformers (`tests/golden/wordpiece.py`).
#[test]
fn a_vocabulary_alone_gives_the_ids_of_transformers() {
    let directory = tempfile::tempdir().unwrap();
    copy(&models::minilm(), directory.path());
    std::fs::remove_file(directory.path().join("tokenizer.json")).unwrap();
    std::fs::remove_file(directory.path().join("special_tokens_map.json")).unwrap();
    let golden = models::golden("wordpiece.json");
    let mut compared = 0;
    for group in golden.as_array().unwrap() {
        std::fs::write(directory.path().join("tokenizer_config.json"), group["settings"].to_string()).unwrap();
        let checkpoint = Checkpoint::open(directory.path()).unwrap();
        for row in group["rows"].as_array().unwrap() {
            let ids = checkpoint.encode_prompted("", row["text"].as_str().unwrap(), Length::Refuse).unwrap().ids;
            let expected: Vec<u32> =
                row["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
            assert_eq!(ids, expected, "{} with {}", row["text"], group["settings"]);
            compared += 1;
        }
    }
    assert!(compared >= 90, "{compared}");
}
