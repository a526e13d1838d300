//! Prompts, lengths, dimensions and heads on the command line.

mod support;

use std::path::Path;

use support::{Ended, copy_of_tiny, json_lines, systole, tiny};

fn run(model: &Path, more: &[&str]) -> Ended {
    let model = model.to_str().unwrap();
    systole([&["run", "--model", model, "--text", "the cat sat on a mat."], more].concat())
}

fn embedding(model: &Path, more: &[&str]) -> Vec<f64> {
    let ended = run(model, &[&["--json", "--quiet"], more].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    json_lines(&ended.stdout)[0]["embedding"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// A copy of the tiny checkpoint with another head: `architecture`, and tensors named so, of zeros.
fn with_head(architecture: &str, tensors: &[(&str, usize)]) -> tempfile::TempDir {
    let directory = copy_of_tiny();
    let model = directory.path().join("model");
    std::fs::remove_file(model.join("modules.json")).unwrap();
    let config = std::fs::read_to_string(model.join("config.json")).unwrap();
    let renamed = config.replace("\"BertModel\"", &format!("\"{architecture}\""));
    assert_ne!(config, renamed);
    std::fs::write(model.join("config.json"), renamed).unwrap();
    let path = model.join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    let (length, rest) = whole.split_first_chunk::<8>().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: serde_json::Value = serde_json::from_slice(header).unwrap();
    let mut data = data.to_vec();
    for (name, rows) in tensors {
        let end = data.len() + rows * 24 * 4;
        header[*name] = serde_json::json!({"dtype": "F32", "shape": [rows, 24], "data_offsets": [data.len(), end]});
        data.resize(end, 0);
    }
    let header = header.to_string();
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat();
    std::fs::write(path, file).unwrap();
    directory
}

#[test]
fn checkpoints_trained_for_something_else_are_embedded_only_on_request() {
    for (architecture, tensor, rows, what) in [
        ("BertForSequenceClassification", "classifier.weight", 1, "to score pairs of texts (a cross-encoder)"),
        ("BertForSequenceClassification", "classifier.weight", 3, "to classify texts"),
        ("BertForTokenClassification", "classifier.weight", 9, "to classify tokens"),
        ("BertForQuestionAnswering", "qa_outputs.weight", 2, "to find answers in texts"),
    ] {
        let directory = with_head(architecture, &[(tensor, rows)]);
        let model = directory.path().join("model");
        assert_eq!(
            run(&model, &[]).refused_in(directory.path()),
            format!(
                "DIR/model was trained {what}, which is not supported; give --task embed to have its embeddings all \
                 the same"
            )
        );
        let asked = run(&model, &["--task", "embed"]);
        assert!(asked.stderr.starts_with(&format!("not used: {tensor}: ")), "{}", asked.stderr);
        assert_eq!(embedding(&model, &["--task", "embed"]).len(), 24);
        // A quantized file keeps what its checkpoint was trained for.
        let file = directory.path().join("model.systole");
        systole(["quantize", model.to_str().unwrap(), "-o", file.to_str().unwrap()]);
        assert!(run(&file, &[]).refused().contains(what));
    }
}

#[test]
fn a_language_model_is_embedded_and_its_head_named() {
    let names = ["cls.predictions.bias", "cls.predictions.decoder.weight", "cls.predictions.transform.dense.weight"];
    let tensors = [names[0], names[1], names[2], "cls.seq_relationship.weight", "pooler.dense.weight"];
    let directory = with_head("BertForPreTraining", &tensors.map(|name| (name, 24)));
    let model = directory.path().join("model");
    let ended = run(&model, &[]);
    assert_eq!(
        ended.stderr,
        format!(
            "not used: {} and 1 more: pre-training head (masked language model, next sentence)\n\
             not used: pooler.dense.weight: the pooler feeds task heads; sentence embeddings pool the last layer\n",
            names.join(", ")
        )
    );
    assert_eq!(embedding(&model, &[]).len(), 24);
}

#[test]
fn prompts_by_name_and_by_text() {
    let directory = copy_of_tiny();
    let model = directory.path().join("model");
    let prompts = r#"{"prompts": {"query": "the cat, ", "passage": "a mat: "}, "default_prompt_name": "query"}"#;
    std::fs::write(model.join("config_sentence_transformers.json"), prompts).unwrap();
    let with = |more: &[&str]| embedding(&model, more);
    let query = with(&[]);
    assert_eq!(query, with(&["--prompt-name", "query"]));
    assert_eq!(query, with(&["--prompt", "the cat, "]));
    assert_ne!(query, with(&["--prompt-name", "passage"]));
    assert_ne!(query, with(&["--prompt", ""]));
    assert_eq!(
        run(&model, &["--prompt-name", "document"]).refused(),
        "the model has no prompt \"document\"; its prompts are passage, query"
    );
    assert_eq!(
        run(&tiny(), &["--prompt-name", "query"]).refused(),
        "the model has no prompt \"query\"; it has none: give the text itself as prompt"
    );
}

#[test]
fn dimensions_are_the_first_ones() {
    let all = embedding(&tiny(), &[]);
    assert_eq!(embedding(&tiny(), &["--dimensions", "5"]), all[..5]);
    let model = tiny();
    let checked =
        systole(["run", "-m", model.to_str().unwrap(), "--dimensions", "5", "--check", "fp32", "--bound", "0.5"]);
    assert!(checked.ok().contains("passed"));
    for n in ["0", "25"] {
        assert_eq!(
            run(&tiny(), &["--dimensions", n]).refused(),
            format!("cannot keep {n} dimensions; the model's embeddings have 24, choose 1 to 24")
        );
    }
}
