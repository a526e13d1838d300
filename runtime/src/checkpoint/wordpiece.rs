//! The tokenizer of a checkpoint that has `vocab.txt` and no `tokenizer.json`: what transformers' `BertTokenizer` makes of
//! it, written as a `tokenizer.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{CheckpointError, Result};
use super::files;
use super::tokenizer::Tokenizer;

/// One token a line; its number is the id.
pub const VOCABULARY: &str = "vocab.txt";
/// Special tokens, in older checkpoints.
pub const SPECIAL: &str = "special_tokens_map.json";
/// Tokens beside the vocabulary, with their ids, in older checkpoints.
pub const ADDED: &str = "added_tokens.json";

/// Longest word that is looked up, in characters; longer ones are unknown.
const MAX_WORD: u32 = 100;

/// The keys of `tokenizer_config.json` that make a difference.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings {
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    #[serde(flatten)]
    special: Special,
    added_tokens_decoder: BTreeMap<u32, AddedToken>,
}

/// The names of the special tokens, in `tokenizer_config.json` or in `special_tokens_map.json`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Special {
    unk_token: Option<Name>,
    sep_token: Option<Name>,
    pad_token: Option<Name>,
    cls_token: Option<Name>,
    mask_token: Option<Name>,
}

/// A token by its text, or by its text and how it is matched.
#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Token { content: String },
}

#[derive(Deserialize)]
struct AddedToken {
    content: String,
    #[serde(default)]
    special: bool,
    #[serde(default)]
    normalized: bool,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
}

/// Makes the tokenizer of a checkpoint directory.
///
/// # Errors
/// Those of the single files; [`CheckpointError::Vocabulary`] for a special token that the vocabulary does not have.
pub fn read(directory: &Path) -> Result<Tokenizer> {
    let text = files::read_small(&directory.join(VOCABULARY), files::MAX_TOKENIZER)?;
    let text = String::from_utf8(text).map_err(|e| refused(format!("{e}")))?;
    let vocabulary = vocabulary(&text)?;
    let settings: Settings = optional(directory, super::sentence::TOKENIZER)?;
    let older: Special = optional(directory, SPECIAL)?;
    let added: BTreeMap<String, u32> = optional(directory, ADDED)?;
    Tokenizer::from_bytes(settings.tokenizer(&vocabulary, older, added)?.to_string().into_bytes())
}

fn optional<T: Default + serde::de::DeserializeOwned>(directory: &Path, file: &str) -> Result<T> {
    let path = directory.join(file);
    if path.exists() { files::read_json(&path) } else { Ok(T::default()) }
}

/// The ids by token. Python, which the file is made for, ends lines at any of `\n`, `\r\n` and `\r`.
fn vocabulary(text: &str) -> Result<BTreeMap<&str, u32>> {
    let mut rest = text;
    let mut ids = BTreeMap::new();
    for id in 0.. {
        if rest.is_empty() {
            break;
        }
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        ids.insert(&rest[..end], id);
        rest = &rest[end..];
        rest = rest.strip_prefix("\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
    }
    if ids.is_empty() { Err(refused("it is empty".to_owned())) } else { Ok(ids) }
}

fn refused(reason: String) -> CheckpointError {
    CheckpointError::Vocabulary { reason }
}

impl Settings {
    fn tokenizer(
        self,
        vocabulary: &BTreeMap<&str, u32>,
        older: Special,
        added: BTreeMap<String, u32>,
    ) -> Result<Value> {
        let known = self.added_tokens_decoder;
        let id = |token: &str| {
            let beside = || known.iter().find(|(_, t)| t.content == token).map(|(id, _)| *id);
            let id = vocabulary.get(token).copied().or_else(|| added.get(token).copied()).or_else(beside);
            id.ok_or_else(|| refused(format!("it has no special token {token}")))
        };
        let s = self.special;
        // As transformers: the file of its own has the last word, unless the newer list is there.
        let choose = |older: Option<Name>, newer: Option<Name>, default: &str| {
            let name = if known.is_empty() { older.or(newer) } else { newer.or(older) };
            name.map_or_else(|| default.to_owned(), Name::text)
        };
        let unk = choose(older.unk_token, s.unk_token, "[UNK]");
        let sep = choose(older.sep_token, s.sep_token, "[SEP]");
        let pad = choose(older.pad_token, s.pad_token, "[PAD]");
        let cls = choose(older.cls_token, s.cls_token, "[CLS]");
        let mask = choose(older.mask_token, s.mask_token, "[MASK]");
        let (sep_id, cls_id) = (id(&sep)?, id(&cls)?);

        let mut tokens: BTreeMap<u32, Value> = BTreeMap::new();
        for (content, id) in &added {
            tokens.insert(*id, AddedToken::plain(content, false).json(*id));
        }
        for (id, token) in &known {
            tokens.insert(*id, token.json(*id));
        }
        for content in [&unk, &sep, &pad, &cls, &mask] {
            // A vocabulary without [MASK] or [PAD] does: no text needs them.
            if let Ok(id) = id(content) {
                tokens.entry(id).or_insert_with(|| AddedToken::plain(content, true).json(id));
            }
        }
        let piece = |token: &str, kind: u32| json!({"SpecialToken": {"id": token, "type_id": kind}});
        let text = |which: &str, kind: u32| json!({"Sequence": {"id": which, "type_id": kind}});
        let special = |token: &str, id: u32| json!({"id": token, "ids": [id], "tokens": [token]});
        let single = [piece(&cls, 0), text("A", 0), piece(&sep, 0)];
        let pair = [&single[..], &[text("B", 1), piece(&sep, 1)]].concat();
        Ok(json!({
            "version": "1.0",
            "added_tokens": tokens.into_values().collect::<Vec<_>>(),
            "normalizer": {
                "type": "BertNormalizer",
                "clean_text": true,
                "handle_chinese_chars": self.tokenize_chinese_chars.unwrap_or(true),
                "strip_accents": self.strip_accents,
                "lowercase": self.do_lower_case.unwrap_or(true),
            },
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": single,
                "pair": pair,
                "special_tokens": {(cls.as_str()): special(&cls, cls_id), (sep.as_str()): special(&sep, sep_id)},
            },
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
            "model": {
                "type": "WordPiece",
                "unk_token": unk,
                "continuing_subword_prefix": "##",
                "max_input_chars_per_word": MAX_WORD,
                "vocab": vocabulary,
            },
        }))
    }
}

impl Name {
    fn text(self) -> String {
        match self {
            Self::Text(content) | Self::Token { content } => content,
        }
    }
}

impl AddedToken {
    fn plain(content: &str, special: bool) -> Self {
        let (content, normalized) = (content.to_owned(), !special);
        Self { content, special, normalized, single_word: false, lstrip: false, rstrip: false }
    }

    fn json(&self, id: u32) -> Value {
        json!({"id": id, "content": self.content, "special": self.special, "normalized": self.normalized,
            "single_word": self.single_word, "lstrip": self.lstrip, "rstrip": self.rstrip})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Limit;

    const WORDS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\ncat\n##s\nCat\n";

    /// The ids of a text under these files, or why there are none.
    fn ids(files: &[(&str, &str)], text: &str) -> std::result::Result<Vec<u32>, String> {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(directory.path().join(name), content).unwrap();
        }
        let tokenizer = read(directory.path()).map_err(|e| e.to_string())?;
        Ok(tokenizer.encode(text, Limit::refuse(100)).map_err(|e| e.to_string())?.ids)
    }

    #[test]
    fn settings_are_followed() {
        let with = |settings: &str, text: &str| ids(&[(VOCABULARY, WORDS), ("tokenizer_config.json", settings)], text);
        assert_eq!(ids(&[(VOCABULARY, WORDS)], "The Cats"), Ok(vec![2, 4, 5, 6, 3]));
        assert_eq!(with(r#"{"do_lower_case":false}"#, "The Cats"), Ok(vec![2, 1, 7, 6, 3]));
        assert_eq!(with("{}", "thé"), Ok(vec![2, 4, 3]));
        assert_eq!(with(r#"{"strip_accents":false}"#, "thé"), Ok(vec![2, 1, 3]));
        assert_eq!(with(r#"{"cls_token":{"content":"the"},"sep_token":"cat"}"#, ""), Ok(vec![4, 5]));
        let older = [
            (VOCABULARY, WORDS),
            ("tokenizer_config.json", r#"{"cls_token":"cat"}"#),
            (SPECIAL, r#"{"cls_token":"the"}"#),
        ];
        assert_eq!(ids(&older, ""), Ok(vec![4, 3]));
        assert_eq!(ids(&[(VOCABULARY, WORDS), (ADDED, r#"{"<new>":8}"#)], "cat<new>"), Ok(vec![2, 5, 8, 3]));
        // Special tokens are found in a text.
        assert_eq!(ids(&[(VOCABULARY, WORDS)], "the[SEP]cat"), Ok(vec![2, 4, 3, 5, 3]));
    }

    #[test]
    fn lines_end_as_in_python() {
        let windows = WORDS.replace('\n', "\r\n");
        for words in [&windows, WORDS.trim_end(), &WORDS.replace('\n', "\r")] {
            assert_eq!(ids(&[(VOCABULARY, words)], "cats"), Ok(vec![2, 5, 6, 3]));
        }
        // An empty line counts, and the last of two equal tokens is the one.
        assert_eq!(ids(&[(VOCABULARY, &WORDS.replace("the", ""))], "cat"), Ok(vec![2, 5, 3]));
        assert_eq!(ids(&[(VOCABULARY, &format!("{WORDS}cat\n"))], "cat"), Ok(vec![2, 8, 3]));
    }

    #[test]
    fn what_is_no_vocabulary_is_refused() {
        let refusal = |words: &str| ids(&[(VOCABULARY, words)], "").unwrap_err();
        assert_eq!(
            refusal("the\ncat\n"),
            "vocab.txt cannot be used: it has no special token [SEP]; download it again, or save tokenizer.json beside it"
        );
        assert!(refusal("").contains("it is empty"));
        let long = "x\n".repeat(40 << 20);
        assert!(refusal(&long).contains("more than the"));
    }
}
