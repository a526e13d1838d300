//! What a file is, by its first bytes: for messages about files that were taken for something else.

use std::fmt;
use std::io::Read;
use std::path::Path;

use super::error::Result;
use super::files::io;

/// Bytes that are looked at.
const HEAD: usize = 4096;
/// Largest header of a safetensors container, as its own crate bounds it.
const MAX_HEADER: u64 = 100_000_000;

/// The kinds that are told apart. Displayed with an article: `a Git LFS pointer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// Nothing.
    Empty,
    /// A safetensors container: weights, or a quantized model.
    Safetensors,
    /// What stands in a Git repository for a file that was not fetched.
    GitLfsPointer,
    /// A model for ONNX Runtime.
    Onnx,
    /// A model for llama.cpp.
    Gguf,
    /// Weights of TensorFlow or Keras.
    Hdf5,
    /// Weights of PyTorch: a pickle, today inside a zip archive.
    Pickle,
    /// A zip archive of something else.
    Zip,
    /// A program of `systole compile`.
    Program,
    /// A recording of `systole run --record`.
    Recording,
    /// A web page, such as the answer to a download that failed.
    Html,
    /// A JSON text.
    Json,
    /// Any other text.
    Text,
    /// None of these.
    Unknown,
}

impl FileKind {
    /// The kind of a file on disk.
    ///
    /// # Errors
    /// [`super::CheckpointError::Io`].
    pub fn of_file(path: &Path) -> Result<Self> {
        let mut head = Vec::with_capacity(HEAD);
        let file = std::fs::File::open(path).map_err(io(path))?;
        file.take(HEAD as u64).read_to_end(&mut head).map_err(io(path))?;
        Ok(Self::of(&head))
    }

    /// The kind of a file that begins with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let head = &bytes[..bytes.len().min(HEAD)];
        let contains = |what: &[u8]| head.windows(what.len()).any(|window| window == what);
        match head {
            [] => Self::Empty,
            _ if head.starts_with(b"version https://git-lfs.github.com/spec/") => Self::GitLfsPointer,
            _ if head.starts_with(b"GGUF") => Self::Gguf,
            _ if head.starts_with(b"\x89HDF\r\n\x1a\n") => Self::Hdf5,
            _ if head.starts_with(b"SYSTPROG") => Self::Program,
            _ if head.starts_with(b"SYSTFLIT") => Self::Recording,
            // PyTorch's archive begins with the pickle that describes its tensors.
            _ if head.starts_with(b"PK\x03\x04") && contains(b"data.pkl") => Self::Pickle,
            _ if head.starts_with(b"PK\x03\x04") => Self::Zip,
            // The opcode PROTO and a protocol that has one.
            [0x80, 2..=5, ..] => Self::Pickle,
            _ if is_safetensors(head) => Self::Safetensors,
            // Protocol buffers: field 1, ir_version, a small number; then one of ModelProto's strings, its graph or opset.
            [0x08, 1..=32, 0x12 | 0x1a | 0x22 | 0x32 | 0x3a | 0x42, ..] => Self::Onnx,
            _ => text(head),
        }
    }

    /// Whether the file is surely something else than a model or its weights, and not a damaged one.
    pub fn is_another(self) -> bool {
        !matches!(self, Self::Empty | Self::Safetensors | Self::Unknown)
    }

    /// What to do when a model or its weights were expected.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Empty | Self::Html => "download it again",
            Self::Safetensors => "give the directory of its checkpoint, or a file of `systole quantize`",
            Self::GitLfsPointer => "run `git lfs pull` in its repository, or give the model's hub id",
            Self::Onnx | Self::Gguf | Self::Hdf5 => {
                "give the checkpoint that it was made from, with its config.json and model.safetensors"
            }
            Self::Pickle => {
                "a pickle can run code when it is read, so it is not: load it in Python and call \
                 save_pretrained(safe_serialization=True)"
            }
            Self::Zip => "unpack it and give the directory",
            Self::Program => {
                "look at it with `systole inspect`; a model is a checkpoint or a file of `systole quantize`"
            }
            Self::Recording => "run it with `systole replay`",
            Self::Json | Self::Text | Self::Unknown => {
                "give a checkpoint directory, a hub id, or a file of `systole quantize`"
            }
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty file",
            Self::Safetensors => "a safetensors file",
            Self::GitLfsPointer => "a Git LFS pointer",
            Self::Onnx => "an ONNX model",
            Self::Gguf => "a GGUF model",
            Self::Hdf5 => "an HDF5 file, as TensorFlow writes weights",
            Self::Pickle => "a PyTorch pickle",
            Self::Zip => "a zip archive",
            Self::Program => "a program of `systole compile`",
            Self::Recording => "a recording of `systole run --record`",
            Self::Html => "a web page",
            Self::Json => "a JSON text",
            Self::Text => "a text",
            Self::Unknown => "of no known kind",
        })
    }
}

/// Length of the header, then the header, which is a JSON object.
fn is_safetensors(head: &[u8]) -> bool {
    head.split_first_chunk().is_some_and(|(length, header)| {
        (2..=MAX_HEADER).contains(&u64::from_le_bytes(*length)) && header.first() == Some(&b'{')
    })
}

fn text(head: &[u8]) -> FileKind {
    // The last character may be cut.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default(),
        Err(_) => return FileKind::Unknown,
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let begins = |with: &str| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    match text {
        _ if text.contains(|c: char| c.is_control() && !c.is_whitespace()) => FileKind::Unknown,
        _ if begins("<!doctype html") || begins("<html") => FileKind::Html,
        _ if begins("{") || begins("[") => FileKind::Json,
        // A few bytes are as likely the beginning of anything.
        _ if head.len() < 16 => FileKind::Unknown,
        _ => FileKind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_their_first_bytes() {
        let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:53aa\nsize 90868376\n";
        let torch = b"PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\x12\0archive/data.pklFB";
        for (bytes, kind) in [
            (&b""[..], FileKind::Empty),
            (lfs, FileKind::GitLfsPointer),
            (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0", FileKind::Onnx),
            (b"\x08\x08:\x05graph", FileKind::Onnx),
            (b"GGUF\x03\0\0\0", FileKind::Gguf),
            (b"\x89HDF\r\n\x1a\n\0", FileKind::Hdf5),
            (torch, FileKind::Pickle),
            (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", FileKind::Pickle),
            (b"PK\x03\x04\x14\0\0\0\0\0weights.npy", FileKind::Zip),
            (b"SYSTPROG\x01\0\0\0", FileKind::Program),
            (b"SYSTFLIT\x01\0\0\0", FileKind::Recording),
            (b"\x40\0\0\0\0\0\0\0{\"__metadata__\":{}}", FileKind::Safetensors),
            (b"\n<!DOCTYPE HTML><html>", FileKind::Html),
            (b"\xef\xbb\xbf{\"model_type\": \"bert\"}", FileKind::Json),
            (b"A kitten is sleeping.\nThe cat", FileKind::Text),
            ("naïve 東京 und mehr".as_bytes(), FileKind::Text),
            (b"\x7fELF\x02\x01\x01\0", FileKind::Unknown),
            (b"\xff\xfe\0", FileKind::Unknown),
        ] {
            assert_eq!(FileKind::of(bytes), kind, "{}", String::from_utf8_lossy(bytes));
        }
        // Cut within a character.
        assert_eq!(FileKind::of(&"é".repeat(HEAD).as_bytes()[1..]), FileKind::Unknown);
        assert_eq!(FileKind::of(format!("x{}", "é".repeat(HEAD)).as_bytes()), FileKind::Text);
    }
}
