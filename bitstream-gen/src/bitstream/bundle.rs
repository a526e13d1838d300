//! A bitstream and everything one must know before loading it, in a directory named by the hash of its inputs.

use super::report::{Timing, Utilisation};
use super::{Error, Target, hash, tools};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use systole_isa::ABI_HASH;

/// Name of the manifest in a bundle.
pub const MANIFEST: &str = "manifest.json";
/// Name of the bitstream in a bundle.
pub const BITSTREAM: &str = "systole.bit";

/// What a bundle says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// SHA-256 over all inputs.
    pub key: String,
    /// Configuration.
    pub config: String,
    /// Target.
    pub target: String,
    /// Board with the wrapper's pins.
    pub board: String,
    /// Part, speed grade and package.
    pub device: String,
    /// The contract, as 16 hexadecimal digits.
    pub abi_hash: String,
    /// What the BUILD_ID register reads: the first 32 bits of the key.
    pub build_id: u32,
    /// Programs and their versions.
    pub tools: BTreeMap<String, String>,
    /// What is used of the part.
    pub utilisation: Utilisation,
    /// `None` when place and route did not say.
    pub timing: Option<Timing>,
    /// SHA-256 of the bitstream.
    pub bitstream: String,
    /// SHA-256 of the self-test program.
    pub self_test: String,
}

/// A bundle on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// Where it is.
    pub directory: PathBuf,
    /// What it says.
    pub manifest: Manifest,
}

impl Bundle {
    /// Reads a bundle without judging it.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Manifest`].
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(MANIFEST);
        let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        let manifest = serde_json::from_str(&text).map_err(|source| Error::Manifest { path, source })?;
        Ok(Self { directory: directory.to_owned(), manifest })
    }

    /// The bitstream's file.
    pub fn bitstream(&self) -> PathBuf {
        self.directory.join(BITSTREAM)
    }

    /// Whether it may be loaded onto `target` by this program: content, part, contract, and timing that is met.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::WrongPart`], [`Error::ForeignAbi`], [`Error::MissingSlack`] or
    /// [`Error::NegativeSlack`], in this order.
    pub fn verify(&self, target: &Target) -> Result<(), Error> {
        let (m, path) = (&self.manifest, self.directory.clone());
        let found = hash::of_file(&self.bitstream())?;
        if found != m.bitstream {
            return Err(Error::Corrupt { path: self.bitstream(), expected: m.bitstream.clone(), found });
        }
        if m.device != target.device() {
            return Err(Error::WrongPart { path, found: m.device.clone(), expected: target.device() });
        }
        let abi = u64::from_str_radix(&m.abi_hash, 16).unwrap_or(0);
        if abi != ABI_HASH {
            let (config, target) = (m.config.clone(), m.target.clone());
            return Err(Error::ForeignAbi { path, found: abi, expected: ABI_HASH, config, target });
        }
        let Some(timing) = m.timing else {
            return Err(Error::MissingSlack { path });
        };
        if timing.slack_ns.is_nan() || timing.slack_ns < 0.0 {
            let Timing { clock_mhz, fmax_mhz, slack_ns } = timing;
            return Err(Error::NegativeSlack { path, slack_ns, clock_mhz, fmax_mhz });
        }
        Ok(())
    }

    /// Writes the manifest.
    pub(super) fn write(&self) -> Result<(), Error> {
        let path = self.directory.join(MANIFEST);
        let text = serde_json::to_string_pretty(&self.manifest)
            .map_err(|source| Error::Manifest { path: path.clone(), source })?;
        std::fs::write(&path, text + "\n").map_err(Error::io(path))
    }
}

/// The directory of all bundles.
pub(super) fn root() -> Result<PathBuf, Error> {
    Ok(tools::cache_directory()?.join("bitstreams"))
}

/// Every bundle, by directory name. A directory that is no bundle is left out, so that one broken build hides nothing.
///
/// # Errors
/// [`Error::NoCache`], or [`Error::Io`] when the directory cannot be read.
pub fn list() -> Result<Vec<Bundle>, Error> {
    list_in(&root()?)
}

fn list_in(root: &Path) -> Result<Vec<Bundle>, Error> {
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io(root)(e)),
    };
    let mut directories: Vec<_> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    directories.sort();
    Ok(directories.iter().filter_map(|d| Bundle::open(d).ok()).collect())
}

/// The bundle at a path, or of a configuration and target, or whose key begins with these digits.
///
/// # Errors
/// [`Error::NoBundle`] when there is none.
pub fn show(name: &str) -> Result<Bundle, Error> {
    if Path::new(name).join(MANIFEST).is_file() {
        return Bundle::open(Path::new(name));
    }
    let root = root()?;
    let known = |b: &Bundle| {
        let directory = b.directory.file_name().is_some_and(|n| n.to_string_lossy().starts_with(name));
        directory || (name.len() >= 4 && b.manifest.key.starts_with(name))
    };
    list_in(&root)?.into_iter().find(known).ok_or_else(|| Error::NoBundle { name: name.to_owned(), root })
}

#[cfg(test)]
mod tests {
    use super::super::report::Share;
    use super::super::target::ECP5_85K;
    use super::*;

    fn bundle(name: &str, change: impl FnOnce(&mut Manifest)) -> Bundle {
        let directory = std::env::temp_dir().join(format!("systole-bundle-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(BITSTREAM), b"bits").unwrap();
        let share = Share { used: 1, available: 2 };
        let mut manifest = Manifest {
            key: "00ff".into(),
            config: "n8".into(),
            target: ECP5_85K.name.into(),
            board: ECP5_85K.board.into(),
            device: ECP5_85K.device(),
            abi_hash: format!("{ABI_HASH:016x}"),
            build_id: 255,
            tools: BTreeMap::new(),
            utilisation: Utilisation { lut: share, ff: share, mult18: share, dp16kd: share },
            timing: Some(Timing { clock_mhz: 50.0, fmax_mhz: 62.5, slack_ns: 4.0 }),
            bitstream: hash::of(b"bits"),
            self_test: String::new(),
        };
        change(&mut manifest);
        Bundle { directory, manifest }
    }

    fn refusal(name: &str, change: impl FnOnce(&mut Manifest)) -> String {
        let bundle = bundle(name, change);
        let answer = bundle.verify(&ECP5_85K).unwrap_err().to_string();
        std::fs::remove_dir_all(bundle.directory).unwrap();
        answer
    }

    #[test]
    fn a_good_bundle_is_accepted_and_reads_as_written() {
        let good = bundle("good", |_| ());
        good.write().unwrap();
        good.verify(&ECP5_85K).unwrap();
        assert_eq!(Bundle::open(&good.directory).unwrap(), good);
        assert_eq!(show(good.directory.to_str().unwrap()).unwrap(), good);
        std::fs::remove_dir_all(good.directory).unwrap();
    }

    #[test]
    fn each_gate_refuses_with_its_reason() {
        let says = |text: String, wanted: &str| assert!(text.contains(wanted), "{text}");
        says(refusal("slack", |m| m.timing = None), "no slack");
        says(refusal("slow", |m| m.timing.as_mut().unwrap().slack_ns = -0.5), "slack is -0.50 ns");
        says(refusal("nan", |m| m.timing.as_mut().unwrap().slack_ns = f64::NAN), "slack is NaN");
        says(refusal("part", |m| m.device = "LFE5U-45F-6CABGA381".into()), "built for LFE5U-45F");
        says(refusal("abi", |m| m.abi_hash = "1".into()), "systole bitstream build --config n8");
        says(refusal("no-abi", |m| m.abi_hash = "none".into()), "0x0000000000000000");
        says(refusal("bits", |m| m.bitstream = "0".into()), "SHA-256");
    }

    #[test]
    fn nothing_built_is_an_empty_list() {
        assert_eq!(list_in(Path::new("/nonexistent/systole")).unwrap(), []);
    }
}
