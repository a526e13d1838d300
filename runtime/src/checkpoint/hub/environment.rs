//! What the environment says about the hub, as Python's `huggingface_hub` (2.4) understands it, so that both share one cache.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::error::{CheckpointError, Result};

/// Words that switch something on.
const TRUE: [&str; 4] = ["1", "ON", "YES", "TRUE"];
/// Timeouts of `huggingface_hub`.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where models come from and where they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Environment {
    pub endpoint: String,
    pub cache: PathBuf,
    pub token: Option<String>,
    pub offline: bool,
    /// Longest wait for the next byte of a download.
    pub download_timeout: Duration,
    /// Longest wait for the answer about a file.
    pub etag_timeout: Duration,
}

impl Environment {
    /// Reads the variables through `get`; `home` is the user's home directory.
    pub fn read(get: impl Fn(&str) -> Option<String>, home: Option<&Path>) -> Result<Self> {
        let home_text = || home.and_then(|home| home.to_str());
        let expand = |text: String| PathBuf::from(&*shellexpand::full_with_context_no_errors(&text, home_text, &get));
        let on = |value: Option<String>| value.is_some_and(|value| TRUE.contains(&&*value.to_uppercase()));
        let seconds = |name| {
            let given = get(name).and_then(|text| text.trim().parse().ok()).filter(|seconds| *seconds > 0);
            given.map_or(TIMEOUT, Duration::from_secs)
        };

        let below_cache = || {
            let cache = get("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(home?.join(".cache")));
            Some(cache?.join("huggingface"))
        };
        // Without a home, a place for the models alone is enough.
        let hf_home = get("HF_HOME").map(&expand).or_else(below_cache);
        let cache = get("HF_HUB_CACHE").or_else(|| get("HUGGINGFACE_HUB_CACHE")).map(&expand);
        let cache = cache.or_else(|| Some(hf_home.as_ref()?.join("hub"))).ok_or(CheckpointError::HubCache)?;

        let clean = |text: String| Some(text.trim().to_owned()).filter(|token| !token.is_empty());
        let file = get("HF_TOKEN_PATH").map(&expand).or_else(|| Some(hf_home.as_ref()?.join("token")));
        let token = get("HF_TOKEN").and_then(clean).or_else(|| get("HUGGING_FACE_HUB_TOKEN").and_then(clean));
        let token = token.or_else(|| std::fs::read_to_string(file?).ok().and_then(clean));

        let endpoint = get("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        let given = |name| get(name).filter(|value| !value.is_empty());
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            cache,
            token: token.filter(|_| !on(get("HF_HUB_DISABLE_IMPLICIT_TOKEN"))),
            offline: on(given("HF_HUB_OFFLINE").or_else(|| get("TRANSFORMERS_OFFLINE"))),
            download_timeout: seconds("HF_HUB_DOWNLOAD_TIMEOUT"),
            etag_timeout: seconds("HF_HUB_ETAG_TIMEOUT"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Environment {
        let get = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Environment::read(get, Some(Path::new("/home/u"))).unwrap()
    }

    /// Each line is what `huggingface_hub.constants.HF_HUB_CACHE` of version 2.4.0 is with these variables and HOME=/home/u.
    #[test]
    fn the_cache_is_where_huggingface_hub_has_it() {
        for (variables, cache) in [
            (&[][..], "/home/u/.cache/huggingface/hub"),
            (&[("HF_HOME", "/h")], "/h/hub"),
            (&[("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/h")], "/h/hub"),
            (&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c")], "/c"),
            (&[("HF_HUB_CACHE", "~/c")], "/home/u/c"),
            (&[("HF_HOME", "~/h")], "/home/u/h/hub"),
            (&[("HF_HOME", "$XDG_CACHE_HOME/hf"), ("XDG_CACHE_HOME", "/x")], "/x/hf/hub"),
            (&[("HF_HUB_CACHE", "${NONE}/c")], "${NONE}/c"),
            (&[("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
            (&[("HUGGINGFACE_HUB_CACHE", "/old"), ("HF_HUB_CACHE", "/c")], "/c"),
            (&[("HF_HUB_CACHE", "")], ""),
            (&[("HF_HOME", "")], "hub"),
        ] {
            assert_eq!(read(variables).cache, Path::new(cache), "{variables:?}");
        }
    }

    #[test]
    fn offline_is_what_huggingface_hub_takes_for_it() {
        for (variables, offline) in [
            (&[("HF_HUB_OFFLINE", "1")][..], true),
            (&[("HF_HUB_OFFLINE", "yes")], true),
            (&[("HF_HUB_OFFLINE", "True")], true),
            (&[("HF_HUB_OFFLINE", "on")], true),
            (&[("HF_HUB_OFFLINE", "0")], false),
            (&[("HF_HUB_OFFLINE", "2")], false),
            (&[("HF_HUB_OFFLINE", "")], false),
            (&[("HF_HUB_OFFLINE", ""), ("TRANSFORMERS_OFFLINE", "1")], true),
            (&[("HF_HUB_OFFLINE", "0"), ("TRANSFORMERS_OFFLINE", "1")], false),
        ] {
            assert_eq!(read(variables).offline, offline, "{variables:?}");
        }
    }

    #[test]
    fn tokens_endpoints_and_timeouts() {
        let token = |variables: &[(&str, &str)]| read(variables).token;
        assert_eq!(token(&[("HF_TOKEN", " a\n")]).as_deref(), Some("a"));
        assert_eq!(token(&[("HF_TOKEN", ""), ("HUGGING_FACE_HUB_TOKEN", "b")]).as_deref(), Some("b"));
        assert_eq!(token(&[("HF_TOKEN", "a"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("token"), "c\n").unwrap();
        let path = home.path().to_str().unwrap();
        assert_eq!(token(&[("HF_HOME", path), ("HF_HUB_CACHE", "/elsewhere")]).as_deref(), Some("c"));
        assert_eq!(token(&[("HF_TOKEN_PATH", &format!("{path}/token"))]).as_deref(), Some("c"));
        assert_eq!(read(&[("HF_ENDPOINT", "http://mirror/hf/")]).endpoint, "http://mirror/hf");
        assert_eq!(read(&[("HF_HUB_DOWNLOAD_TIMEOUT", "3")]).download_timeout, Duration::from_secs(3));
        assert_eq!(read(&[("HF_HUB_DOWNLOAD_TIMEOUT", "0")]).download_timeout, TIMEOUT);
        assert_eq!(read(&[("HF_HUB_ETAG_TIMEOUT", "7")]).etag_timeout, Duration::from_secs(7));
    }

    #[test]
    fn without_a_home_the_cache_must_be_named() {
        let read = |name: &'static str| Environment::read(move |n| (n == name).then(|| "/c".to_owned()), None);
        assert_eq!(read("HF_HUB_CACHE").unwrap().cache, Path::new("/c"));
        assert!(matches!(read("HF_ENDPOINT"), Err(CheckpointError::HubCache)));
    }
}
