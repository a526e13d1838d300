//! What a checkpoint was trained for, by `config.json` and by the weights behind its encoder.
//!
//! | head | its embeddings | why |
//! |---|---|---|
//! | masked language model, pre-training | are given | the encoder is what it is published for; many embed with its mean |
//! | classifier of one output, or a cross-encoder's marks | are refused | the answer is a score for a *pair* of texts |
//! | other classifiers of texts, next sentence, multiple choice | are refused | the answer is a label |
//! | classifier of tokens, question answering | are refused | the answer is in the single tokens, whose mean loses it |
//!
//! A sentence-transformers description says how to embed, and then no head matters.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::error::Result;
use super::files;
use super::tensors::TensorReport;

/// What a checkpoint was trained for, when its embeddings would be taken for an answer that they are not. Displayed as the
/// end of "it was trained".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainedFor {
    /// One score for a pair of texts.
    CrossEncoder,
    /// A label for a text or a pair.
    SequenceClassification,
    /// A label for each token.
    TokenClassification,
    /// A span of a text that answers a question.
    QuestionAnswering,
    /// One of several continuations.
    MultipleChoice,
    /// Whether one sentence follows another.
    NextSentence,
}

impl std::fmt::Display for TrainedFor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::CrossEncoder => "to score pairs of texts (a cross-encoder)",
            Self::SequenceClassification => "to classify texts",
            Self::TokenClassification => "to classify tokens",
            Self::QuestionAnswering => "to find answers in texts",
            Self::MultipleChoice => "to choose among texts",
            Self::NextSentence => "to say whether one sentence follows another",
        })
    }
}

/// The keys of `config.json` that speak of heads.
#[derive(Deserialize)]
struct RawConfig {
    #[serde(default)]
    architectures: Option<Vec<String>>,
    /// Written by sentence-transformers, of different releases, for cross-encoders.
    sentence_transformers: Option<Value>,
    sbert_ce_default_activation_function: Option<Value>,
}

/// What the checkpoint of this `config.json` was trained for, if its head is among the tensors; `None` for an encoder
/// alone or a language model.
pub(super) fn trained_for(config: &Path, tensors: &[TensorReport]) -> Result<Option<TrainedFor>> {
    let raw: RawConfig = files::read_json(config)?;
    let find = |prefix: &str| tensors.iter().find(|t| t.name.starts_with(prefix));
    let architectures = raw.architectures.unwrap_or_default();
    let is = |suffix: &str| architectures.iter().any(|name| name.ends_with(suffix));
    if let Some(classifier) = find("classifier.") {
        let scores = raw.sentence_transformers.is_some() || raw.sbert_ce_default_activation_function.is_some();
        let outputs = classifier.shape.first().copied();
        return Ok(Some(match () {
            () if is("ForTokenClassification") => TrainedFor::TokenClassification,
            () if is("ForMultipleChoice") => TrainedFor::MultipleChoice,
            () if scores || outputs == Some(1) => TrainedFor::CrossEncoder,
            () => TrainedFor::SequenceClassification,
        }));
    }
    if find("qa_outputs.").is_some() {
        return Ok(Some(TrainedFor::QuestionAnswering));
    }
    let next_sentence = find("cls.seq_relationship.").is_some() && find("cls.predictions.").is_none();
    Ok(next_sentence.then_some(TrainedFor::NextSentence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Fate;

    fn of(architecture: &str, more: &str, tensors: &[(&str, usize)]) -> Option<TrainedFor> {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("config.json");
        std::fs::write(&config, format!(r#"{{"architectures":["{architecture}"]{more}}}"#)).unwrap();
        let report = |(name, rows): &(&str, usize)| TensorReport {
            name: (*name).to_owned(),
            dtype: "F32".to_owned(),
            shape: vec![*rows, 24],
            fate: Fate::Ignored("a head"),
        };
        trained_for(&config, &tensors.iter().map(report).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn heads_are_told_apart() {
        let classifier = |n| [("bert.pooler.dense.weight", 24), ("classifier.weight", n)];
        let sequence = "BertForSequenceClassification";
        assert_eq!(of(sequence, "", &classifier(3)), Some(TrainedFor::SequenceClassification));
        assert_eq!(of(sequence, "", &classifier(1)), Some(TrainedFor::CrossEncoder));
        let marked = r#","sentence_transformers":{"version":"5.0.0"}"#;
        assert_eq!(of(sequence, marked, &classifier(3)), Some(TrainedFor::CrossEncoder));
        assert_eq!(of("BertForTokenClassification", "", &classifier(9)), Some(TrainedFor::TokenClassification));
        assert_eq!(of("BertForMultipleChoice", "", &classifier(1)), Some(TrainedFor::MultipleChoice));
        let answers = [("qa_outputs.weight", 2)];
        assert_eq!(of("BertForQuestionAnswering", "", &answers), Some(TrainedFor::QuestionAnswering));
        let next = [("cls.seq_relationship.weight", 2)];
        assert_eq!(of("BertForNextSentencePrediction", "", &next), Some(TrainedFor::NextSentence));
        let both = [("cls.seq_relationship.weight", 2), ("cls.predictions.bias", 64)];
        assert_eq!(of("BertForPreTraining", "", &both), None);
        assert_eq!(of("BertForMaskedLM", "", &both[1..]), None);
        // The name of a task without its weights: what is there is an encoder.
        assert_eq!(of(sequence, "", &[("bert.pooler.dense.weight", 24)]), None);
        assert_eq!(of("BertModel", "", &[]), None);
    }
}
