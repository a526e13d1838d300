//! How texts become embeddings, where the model's own settings are not to be followed.

use anyhow::bail;
use systole_runtime::checkpoint::{CheckpointError, Encoding, Length};
use systole_runtime::quantize::QuantizedModel;

/// Prompts, lengths and dimensions. Without any of these, texts are treated as sentence-transformers would.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct SentenceArgs {
    /// Put this before every text, instead of the model's default prompt
    #[arg(long, value_name = "TEXT", conflicts_with = "prompt_name")]
    prompt: Option<String>,

    /// Put the model's prompt of this name before every text, say query or passage
    #[arg(long, value_name = "NAME")]
    prompt_name: Option<String>,

    /// Cut texts to this many tokens, special tokens included, or `never`: a text that is too long is an error then
    /// [default: the model's own length; a note says how many texts were cut]
    #[arg(long, value_name = "TOKENS", value_parser = parse_length, allow_negative_numbers = true)]
    truncate: Option<Length>,

    /// Keep the first N elements of each embedding, for models that were trained so (Matryoshka)
    ///
    /// As truncate_dim of sentence-transformers, they are not scaled to unit length again.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    dimensions: Option<usize>,
}

impl SentenceArgs {
    /// Has the model keep the dimensions that are asked for, and checks that it can follow the other options.
    pub fn apply(&self, model: &mut QuantizedModel) -> anyhow::Result<()> {
        if self.dimensions.is_some() {
            model.head.dimensions = self.dimensions;
        }
        model.head.width(model.embedding.hidden)?;
        match self.encode(model, "") {
            // A prompt alone can be too long, which each text then says.
            Ok(_) | Err(CheckpointError::TextTooLong { .. }) => Ok(()),
            Err(error) => bail!(error),
        }
    }

    /// Encodes a text.
    pub fn encode(&self, model: &QuantizedModel, text: &str) -> Result<Encoding, CheckpointError> {
        let prompt = match &self.prompt {
            Some(prompt) => prompt,
            None => model.head.prompt(self.prompt_name.as_deref())?,
        };
        model.encode_prompted(prompt, text, self.truncate.unwrap_or_default())
    }
}

fn parse_length(text: &str) -> Result<Length, String> {
    if text == "never" {
        return Ok(Length::Refuse);
    }
    text.parse().map(Length::Tokens).map_err(|_| "choose a number of tokens, or never".to_owned())
}
