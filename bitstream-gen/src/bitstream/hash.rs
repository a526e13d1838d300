//! SHA-256 in hexadecimal.

use super::Error;
use sha2::{Digest, Sha256};
use std::path::Path;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Of bytes.
pub(super) fn of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Of several texts, each with its length before it, so that moving a letter from one to the next changes it.
pub(super) fn of_parts(parts: &[String]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    hex(&digest.finalize())
}

/// Of a file.
pub(super) fn of_file(path: &Path) -> Result<String, Error> {
    Ok(of(&std::fs::read(path).map_err(Error::io(path))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer_and_boundaries() {
        assert_eq!(of(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_ne!(of_parts(&["ab".into(), "c".into()]), of_parts(&["a".into(), "bc".into()]));
    }
}
