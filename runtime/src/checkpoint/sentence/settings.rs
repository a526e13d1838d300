//! Settings outside the modules: lengths, prompts, and keys that would change the result.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::SentenceHead;
use super::modules::{Modules, unsupported};
use crate::checkpoint::TrainedFor;
use crate::checkpoint::error::Result;
use crate::checkpoint::files;

/// Of the Transformer module.
pub const TRANSFORMER: &str = "sentence_bert_config.json";
/// Of the whole model.
pub const MODEL: &str = "config_sentence_transformers.json";
/// Of transformers' tokenizer.
pub const TOKENIZER: &str = "tokenizer_config.json";

/// What the description of a checkpoint directory says.
pub struct Description {
    /// Where the encoder's files are: the directory itself, but for old layouts.
    pub encoder: PathBuf,
    /// The settings.
    pub head: SentenceHead,
    /// Whether texts are put into lower case before anything else.
    pub lower_case: bool,
    /// Whether there is a list of modules, which says how to embed.
    pub has_modules: bool,
}

impl Description {
    /// Reads it; a directory without one gives [`SentenceHead::default`], but for the tokenizer's length.
    pub fn read(directory: &Path) -> Result<Self> {
        let modules = Modules::read(directory)?;
        let encoder = match modules.as_ref().map(Modules::encoder) {
            None | Some("") => directory.to_owned(),
            Some(inside) => directory.join(inside),
        };
        let mut head = SentenceHead { max_tokens: tokenizer_length(&encoder)?, ..SentenceHead::default() };
        let (mut lower_case, has_modules) = (false, modules.is_some());
        // Without a list of modules sentence-transformers does not look for the Transformer module's file either.
        if let Some(modules) = modules {
            modules.read_into(directory, &mut head)?;
            if encoder.join(TRANSFORMER).exists() {
                let raw: RawTransformer = files::read_json(&encoder.join(TRANSFORMER))?;
                raw.check()?;
                head.max_tokens = raw.max_seq_length.or(head.max_tokens);
                lower_case = raw.do_lower_case;
            }
        }
        if directory.join(MODEL).exists() {
            let raw: RawModel = files::read_json(&directory.join(MODEL))?;
            raw.read_into(&mut head)?;
        }
        Ok(Self { encoder, head, lower_case, has_modules })
    }
}

/// `model_max_length` of the tokenizer, if it is a length: transformers writes 1e30 for none.
fn tokenizer_length(directory: &Path) -> Result<Option<usize>> {
    #[derive(Deserialize)]
    struct Raw {
        model_max_length: Option<f64>,
    }
    let path = directory.join(TOKENIZER);
    if !path.exists() {
        return Ok(None);
    }
    let length = files::read_json::<Raw>(&path)?.model_max_length;
    Ok(length.filter(|length| (1.0..1e9).contains(length)).map(|length| length as usize))
}

/// `sentence_bert_config.json`.
#[derive(Deserialize)]
struct RawTransformer {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

impl RawTransformer {
    /// Keys that could change the result must have the value that is implemented.
    fn check(&self) -> Result<()> {
        let refuse = |key: &str, value: &Value| Err(unsupported(TRANSFORMER, format!("{key} {value}")));
        for (key, value) in &self.others {
            let plain = match key.as_str() {
                "transformer_task" => value == "feature-extraction",
                "module_output_name" => value == "token_embeddings",
                "processing_kwargs" | "processor_kwargs" | "tokenizer_args" | "config_args" | "config_kwargs" => {
                    is_empty(value)
                }
                // Precision and the choice of an attention kernel are the executor's.
                "model_args" | "model_kwargs" => value.as_object().is_none_or(|keys| {
                    keys.keys().all(|k| ["torch_dtype", "dtype", "attn_implementation"].contains(&k.as_str()))
                }),
                _ => true,
            };
            if !plain {
                return refuse(key, value);
            }
        }
        Ok(())
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// `config_sentence_transformers.json`.
#[derive(Deserialize)]
struct RawModel {
    #[serde(default)]
    prompts: BTreeMap<String, Option<String>>,
    default_prompt_name: Option<String>,
    model_type: Option<String>,
}

impl RawModel {
    fn read_into(self, head: &mut SentenceHead) -> Result<()> {
        match self.model_type.as_deref() {
            None | Some("SentenceTransformer") => {}
            Some("CrossEncoder") => head.trained_for = Some(TrainedFor::CrossEncoder),
            Some(other) => return Err(unsupported(MODEL, format!("model_type {other}"))),
        }
        head.prompts = self.prompts.into_iter().map(|(name, text)| (name, text.unwrap_or_default())).collect();
        head.default_prompt = self.default_prompt_name;
        Ok(())
    }
}
