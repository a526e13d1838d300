//! Descriptions as sentence-transformers writes them, and as nobody should. Values against its own: `tests/sentence.rs`.

use std::path::Path;

use super::*;
use crate::checkpoint::tokenizer::Tokenizer;

const TWO: &str = r#"[{"idx":0,"path":"","type":"sentence_transformers.models.Transformer"},
    {"idx":1,"path":"1_Pooling","type":"sentence_transformers.models.Pooling"}]"#;

/// Reads a description of these files.
fn read(files: &[(&str, &str)]) -> std::result::Result<Description, String> {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Description::read(directory.path()).map_err(|e| e.to_string())
}

fn head(modules: &str, pooling: &str) -> std::result::Result<SentenceHead, String> {
    read(&[("modules.json", modules), ("1_Pooling/config.json", pooling)]).map(|d| d.head)
}

/// The refusal of a description, without the list of what is supported.
fn refusal(files: &[(&str, &str)]) -> String {
    let whole = [&[("modules.json", TWO), ("1_Pooling/config.json", "{}")], files].concat();
    let message = read(&whole).err().expect("refused");
    message.split(" is not supported; ").next().unwrap_or_default().to_owned()
}

/// [`TWO`] and one more.
fn three(class: &str) -> String {
    TWO.replace("}]", &format!(r#"}},{{"path":"2_More","type":"{class}"}}]"#))
}

#[test]
fn modes_old_and_new() {
    let modes = |pooling: &str| head(TWO, pooling).unwrap().pooling;
    assert_eq!(modes(r#"{"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false}"#), [Pooling::Cls]);
    let all = r#"{"pooling_mode_mean_tokens":true,"pooling_mode_lasttoken":true,"pooling_mode_cls_token":true,
        "pooling_mode_max_tokens":true,"pooling_mode_weightedmean_tokens":true,"pooling_mode_mean_sqrt_len_tokens":true}"#;
    let order =
        [Pooling::Cls, Pooling::Max, Pooling::Mean, Pooling::MeanSqrtLen, Pooling::WeightedMean, Pooling::LastToken];
    assert_eq!(modes(all), order);
    assert_eq!(modes(r#"{"embedding_dimension":24,"pooling_mode":"lasttoken"}"#), [Pooling::LastToken]);
    assert_eq!(modes(r#"{"pooling_mode":["mean_sqrt_len_tokens","cls"]}"#), [Pooling::MeanSqrtLen, Pooling::Cls]);
    assert_eq!(modes("{}"), [Pooling::Mean]);
    assert!(!head(TWO, r#"{"include_prompt":false}"#).unwrap().include_prompt);
}

#[test]
fn class_names_old_and_new() {
    let new = r#"[{"path":"","type":"sentence_transformers.base.modules.transformer.Transformer"},
        {"path":"1_Pooling","type":"sentence_transformers.sentence_transformer.modules.pooling.Pooling"},
        {"path":"2","type":"sentence_transformers.sentence_transformer.modules.dropout.Dropout"},
        {"path":"3","type":"sentence_transformers.base.modules.normalize.Normalize"}]"#;
    assert_eq!(head(new, "{}").unwrap(), SentenceHead::of(Pooling::Mean, true));
    assert_eq!(head(TWO, "{}").unwrap(), SentenceHead::default());
    assert_eq!(read(&[]).unwrap().head, SentenceHead::default());
}

#[test]
fn modules_that_are_not_implemented_are_named() {
    let modules = |text: &str| refusal(&[("modules.json", text)]);
    for class in ["sentence_transformers.models.WeightedLayerPooling", "custom_st.Normalize", "Normalize"] {
        assert_eq!(modules(&three(class)), format!("modules.json: module {class}"));
    }
    assert_eq!(modules("[]"), "modules.json: the order ");
    assert_eq!(
        modules(&three("sentence_transformers.models.Pooling")),
        "modules.json: the order Transformer, Pooling, Pooling"
    );
    assert_eq!(
        modules(&TWO.replace("models.Pooling", "models.Normalize")),
        "modules.json: the order Transformer, Normalize"
    );
    let pooling = |text: &str| refusal(&[("1_Pooling/config.json", text)]);
    assert_eq!(pooling(r#"{"pooling_mode":"median"}"#), "1_Pooling/config.json: pooling_mode median");
    assert_eq!(pooling(r#"{"pooling_mode_new":true}"#), "1_Pooling/config.json: pooling_mode_new");
}

#[test]
fn a_path_cannot_leave_the_directory() {
    for path in ["../1_Pooling", "/etc", "", "a/../../b"] {
        let message = refusal(&[("modules.json", &TWO.replace("\"1_Pooling\"", &format!("{path:?}")))]);
        assert_eq!(message, format!("modules.json: path {path:?}"));
    }
    let message = refusal(&[("modules.json", &TWO.replace("\"path\":\"\"", "\"path\":\"..\""))]);
    assert_eq!(message, "modules.json: path \"..\"");
}

#[test]
fn settings_of_other_modules_are_checked() {
    let with = |class: &str, config: &str| {
        let modules = three(&format!("sentence_transformers.models.{class}"));
        refusal(&[("modules.json", &modules), ("2_More/config.json", config)])
    };
    let dense = |more: &str| with("Dense", &format!(r#"{{"in_features":24,"out_features":8{more}}}"#));
    let file = "2_More/config.json: ";
    assert_eq!(
        dense(r#","activation_function":"torch.nn.modules.activation.SiLU""#),
        format!("{file}activation_function torch.nn.modules.activation.SiLU")
    );
    assert_eq!(dense(r#","use_residual":true"#), format!("{file}use_residual"));
    assert_eq!(
        dense(r#","module_input_name":"token_embeddings""#),
        format!("{file}module_input_name token_embeddings")
    );
    assert_eq!(with("Dense", r#"{"in_features":24,"out_features":99999999}"#), format!("{file}out_features 99999999"));
    assert!(dense("").ends_with("2_More has no model.safetensors; download the model's weights into this directory"));
    assert_eq!(
        with("Normalize", r#"{"module_input_name":"token_embeddings"}"#),
        format!("{file}module_input_name token_embeddings")
    );
}

#[test]
fn lengths_and_prompts() {
    let two = [("modules.json", TWO), ("1_Pooling/config.json", "{}")];
    let with = |files: &[(&str, &str)]| read(&[&two, files].concat()).unwrap();
    let transformer = ("sentence_bert_config.json", r#"{"max_seq_length":256,"do_lower_case":true}"#);
    let tokenizer = ("tokenizer_config.json", r#"{"model_max_length":512}"#);
    let both = with(&[transformer, tokenizer]);
    assert_eq!((both.head.max_tokens, both.lower_case), (Some(256), true));
    assert_eq!(with(&[tokenizer]).head.max_tokens, Some(512));
    // Without modules.json, sentence-transformers does not look for the other file.
    assert_eq!(read(&[transformer, tokenizer]).unwrap().head.max_tokens, Some(512));
    let no_limit = ("tokenizer_config.json", r#"{"model_max_length":1000000000000000019884624838656}"#);
    assert_eq!(with(&[no_limit]).head.max_tokens, None);
    let unset = ("sentence_bert_config.json", r#"{"max_seq_length":null,"do_lower_case":false}"#);
    assert_eq!(with(&[unset, tokenizer]).head.max_tokens, Some(512));

    let model = |text: &str| with(&[("config_sentence_transformers.json", text)]).head;
    let prompts = model(r#"{"prompts":{"query":"query: ","passage":null},"default_prompt_name":"query"}"#);
    assert_eq!((prompts.prompt(None).unwrap(), prompts.prompt(Some("passage")).unwrap()), ("query: ", ""));
    assert_eq!(
        prompts.prompt(Some("doc")).unwrap_err().to_string(),
        "the model has no prompt \"doc\"; its prompts are passage, query"
    );
    assert!(prompts.check(24).is_ok());
    let dangling = model(r#"{"prompts":{},"default_prompt_name":"query"}"#).check(24).unwrap_err().to_string();
    assert!(dangling.starts_with("the model has no prompt \"query\"; it has none"), "{dangling}");
    let cross = model(r#"{"model_type":"CrossEncoder"}"#);
    assert_eq!(cross.trained_for, Some(TrainedFor::CrossEncoder));
}

#[test]
fn other_settings_that_change_results_are_refused() {
    let transformer = |text: &str| refusal(&[("sentence_bert_config.json", text)]);
    let file = "sentence_bert_config.json: ";
    assert_eq!(transformer(r#"{"transformer_task":"fill-mask"}"#), format!("{file}transformer_task \"fill-mask\""));
    assert_eq!(
        transformer(r#"{"processing_kwargs":{"text":{"max_length":9}}}"#),
        format!("{file}processing_kwargs {{\"text\":{{\"max_length\":9}}}}")
    );
    let message = refusal(&[("config_sentence_transformers.json", r#"{"model_type":"SparseEncoder"}"#)]);
    assert_eq!(message, "config_sentence_transformers.json: model_type SparseEncoder");
    let fine = r#"{"max_seq_length":9,"transformer_task":"feature-extraction","module_output_name":"token_embeddings",
        "modality_config":{"text":{"method":"forward","method_output_name":"last_hidden_state"}},"model_args":{}}"#;
    let fine = read(&[("modules.json", TWO), ("1_Pooling/config.json", "{}"), ("sentence_bert_config.json", fine)]);
    assert_eq!(fine.unwrap().head.max_tokens, Some(9));
}

#[test]
fn poolings_by_hand() {
    let states = Matrix { rows: 2, cols: 2, values: vec![3.0, -4.0, 1.0, 8.0] };
    let pooled = |pooling, normalize, skip| SentenceHead::of(pooling, normalize).apply(&states, skip);
    assert_eq!(pooled(Pooling::Mean, false, 0), [2.0, 2.0]);
    assert_eq!(pooled(Pooling::Cls, false, 0), [3.0, -4.0]);
    assert_eq!(pooled(Pooling::Max, false, 0), [3.0, 8.0]);
    assert_eq!(pooled(Pooling::LastToken, false, 0), [1.0, 8.0]);
    assert_eq!(pooled(Pooling::WeightedMean, false, 0), [5.0 / 3.0, 4.0]);
    assert_eq!(pooled(Pooling::MeanSqrtLen, false, 0), [4.0 / 2f32.sqrt(), 4.0 / 2f32.sqrt()]);
    assert_eq!(pooled(Pooling::Cls, true, 0), [0.6, -0.8]);
    for pooling in [Pooling::Mean, Pooling::Cls, Pooling::Max, Pooling::WeightedMean, Pooling::MeanSqrtLen] {
        // A prompt that would take every token leaves the last one.
        assert_eq!((pooled(pooling, false, 1), pooled(pooling, false, 9)), (vec![1.0, 8.0], vec![1.0, 8.0]));
    }
    let zero = Matrix::zeros(1, 3);
    assert_eq!(SentenceHead::of(Pooling::Mean, true).apply(&zero, 0), [0.0; 3]);
}

fn with_steps() -> SentenceHead {
    let row = |values: &[f32]| Matrix { rows: 1, cols: values.len(), values: values.to_vec() };
    let weight = Matrix { rows: 2, cols: 4, values: vec![1.0, 0.0, 0.0, 1.0, 0.0, 1.0, -1.0, 0.0] };
    let dense = Step::Dense { weight, bias: row(&[0.5, 0.0]), activation: DenseActivation::Relu };
    let norm = Step::LayerNorm { gamma: row(&[2.0, 2.0]), beta: row(&[0.0, 1.0]) };
    SentenceHead { pooling: vec![Pooling::Cls, Pooling::Max], steps: vec![dense, norm], ..SentenceHead::default() }
}

#[test]
fn steps_by_hand() {
    let states = Matrix { rows: 1, cols: 2, values: vec![1.0, 3.0] };
    // [1, 3, 1, 3] becomes [1 + 3 + 0.5, 3 - 1], of mean 3.25 and deviation 1.25.
    let out = with_steps().apply(&states, 0);
    assert!((out[0] - 2.0).abs() < 1e-4 && (out[1] + 1.0).abs() < 1e-4, "{out:?}");
    let kept = SentenceHead { dimensions: Some(1), ..with_steps() };
    assert_eq!((kept.width(2).unwrap(), kept.apply(&states, 0)), (1, out[..1].to_vec()));
}

#[test]
fn widths_must_fit() {
    assert_eq!(with_steps().width(2).unwrap(), 2);
    assert_eq!(
        with_steps().width(3).unwrap_err().to_string(),
        "module 1 behind the pooling takes 4 values and gets 6; its files belong to another model"
    );
    let kept = SentenceHead { dimensions: Some(3), ..with_steps() };
    assert_eq!(
        kept.width(2).unwrap_err().to_string(),
        "cannot keep 3 dimensions; the model's embeddings have 2, choose 1 to 2"
    );
    assert!(SentenceHead { pooling: Vec::new(), ..with_steps() }.check(2).is_err());
}

#[test]
fn settings_and_tensors_together_are_the_whole() {
    let head = with_steps();
    let mut again: SentenceHead = serde_json::from_str(&serde_json::to_string(&head).unwrap()).unwrap();
    assert!(again.check(2).is_err(), "the weights are missing");
    for ((name, to), (same, from)) in again.tensors_mut().into_iter().zip(head.tensors()) {
        assert_eq!(name, same);
        *to = from.clone();
    }
    assert_eq!(again, head);
}

#[test]
fn a_prompt_can_be_left_out_of_the_pooling() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny/tokenizer.json");
    let tokenizer = Tokenizer::from_file(&path).unwrap();
    let head = SentenceHead { include_prompt: false, max_tokens: Some(6), ..SentenceHead::default() };
    let encode = |prompt: &str, length| head.encode(&tokenizer, 40, prompt, "cat sat", length).unwrap();
    let plain = encode("", Length::Model);
    assert_eq!((plain.ids.len(), plain.skip, plain.cut), (4, 0, 0));
    let prompted = encode("the mat, ", Length::Model);
    // [CLS] and the three tokens of the prompt.
    assert_eq!((prompted.ids.len(), prompted.skip, prompted.cut), (6, 4, 1));
    assert_eq!(
        (encode("the mat, ", Length::Tokens(40)).ids.len(), encode("the mat, ", Length::Tokens(3)).skip),
        (7, 2)
    );
    let refused = head.encode(&tokenizer, 40, "the mat, ", "cat sat", Length::Refuse).unwrap_err();
    assert!(matches!(refused, CheckpointError::TextTooLong { tokens: 7, max: 6 }));
    let counted = SentenceHead { include_prompt: true, ..head.clone() };
    assert_eq!(counted.encode(&tokenizer, 40, "the mat, ", "cat sat", Length::Model).unwrap().skip, 0);
}
