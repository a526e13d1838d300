//! Where QEMU, a kernel and its modules come from: variables of the environment, or Debian's packages by name, unpacked
//! once into the cache directory. The system's own packages and package lists are not touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use rustix::fs::{FlockOperation, flock};
use systole_bitgen::verilated::cache_directory;

use super::emulator::Emulator;
use super::tool;

/// The release that has a QEMU with `vfio-user-pci`, from 10.1, among its backports.
const RELEASE: &str = "trixie";
/// The emulator's package, of the backports.
const QEMU: &str = "qemu-system-x86";
/// Depends on the package of the kernel, whose name has a version in it. This kernel is built for virtual machines.
const KERNEL: &str = "linux-image-cloud-amd64";
/// The directory of what is fetched; another name when something of it changes.
const UNPACKED: &str = "debian-trixie-1";
/// Longest time for all downloads, and for another process that downloads.
const PATIENCE: Duration = Duration::from_secs(600);
/// For people without Debian's packages.
const BY_HAND: &str = "install QEMU 10.1 or later with vfio-user-pci and set SYSTOLE_QEMU to its qemu-system-x86_64, \
                       SYSTOLE_KERNEL to a kernel image, SYSTOLE_MODULES to its directory below /lib/modules";

/// What a guest is booted with.
#[derive(Debug)]
pub struct Parts {
    /// QEMU.
    pub emulator: Emulator,
    /// Linux, as an image that boots.
    pub kernel: PathBuf,
    /// The directory with this kernel's modules.
    pub modules: PathBuf,
}

impl Parts {
    /// Finds the parts; fetches those that no variable names, unless it was done before.
    pub fn find() -> anyhow::Result<Self> {
        let named = |variable: &str| {
            let path = std::env::var_os(variable).filter(|v| !v.is_empty()).map(PathBuf::from)?;
            Some(if path.exists() { Ok(path) } else { Err(anyhow!("{variable}: there is no {}", path.display())) })
        };
        let emulator = named("SYSTOLE_QEMU").transpose()?;
        let kernel = named("SYSTOLE_KERNEL").transpose()?;
        let modules = named("SYSTOLE_MODULES").transpose()?;
        if kernel.is_some() != modules.is_some() {
            bail!("set both SYSTOLE_KERNEL and SYSTOLE_MODULES, or none: modules fit one kernel only");
        }
        if let (Some(emulator), Some(kernel), Some(modules)) = (&emulator, &kernel, &modules) {
            let emulator = Emulator::installed(emulator.clone());
            return Ok(Self { emulator, kernel: kernel.clone(), modules: modules.clone() });
        }
        let root = fetched()?;
        Ok(Self {
            emulator: emulator.map_or_else(|| Emulator::unpacked(&root.join("qemu")), Emulator::installed),
            kernel: kernel.map_or_else(|| only_child(&root.join("linux/boot"), "vmlinuz-"), Ok)?,
            modules: modules.map_or_else(|| only_child(&root.join("linux/usr/lib/modules"), ""), Ok)?,
        })
    }
}

/// The directory with the unpacked packages. It gets its name when all of it is there, so that what was interrupted is
/// never taken for whole.
fn fetched() -> anyhow::Result<PathBuf> {
    let guest = cache_directory()?.join("guest");
    let done = guest.join(UNPACKED);
    if done.is_dir() {
        return Ok(done);
    }
    let denied = |e: std::io::Error| anyhow!("cannot write {}: {e}; check it, or set SYSTOLE_CACHE", guest.display());
    fs::create_dir_all(&guest).map_err(denied)?;
    let turn = fs::File::create(guest.join("lock")).map_err(denied)?;
    let started = Instant::now();
    while flock(&turn, FlockOperation::NonBlockingLockExclusive).is_err() {
        if started.elapsed() > PATIENCE {
            bail!("another systole has been fetching into {} for {PATIENCE:?}; end it", guest.display());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    // Another process may have done it meanwhile.
    if !done.is_dir() {
        let unfinished = guest.join("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(denied)?;
        }
        fs::create_dir_all(&unfinished).map_err(denied)?;
        fetch(&unfinished, &guest.join("apt"), &guest.join("fetch.log"))?;
        fs::rename(&unfinished, &done).map_err(denied)?;
    }
    Ok(done)
}

/// Downloads and unpacks everything below `root`: `qemu` and `linux`. The lists of packages stay in `apt`, compressed.
fn fetch(root: &Path, apt: &Path, log: &Path) -> anyhow::Result<()> {
    for tool in ["apt-get", "dpkg"] {
        let present = tool::ask(Command::new(tool).arg("--version")).is_ok();
        if !present {
            bail!("there is no {tool} to fetch QEMU and a kernel with; {BY_HAND}");
        }
    }
    let _ = fs::remove_file(log);
    let apt = Apt::new(apt, &mirror()?)?;
    tracing::info!(log = %log.display(), "fetching QEMU and a kernel");
    let fetching = |what: &str| format!("{what}; check the network, or {BY_HAND}");
    let run = |command: &mut Command| tool::run(command, log, PATIENCE);
    run(apt.get().arg("update")).map_err(|e| anyhow!(fetching(&e.to_string())))?;
    let backports = format!("{RELEASE}-backports");
    run(apt.get().args(["install", "--download-only", "--target-release", &backports, QEMU]))
        .map_err(|e| anyhow!(fetching(&e.to_string())))?;
    unpack(&apt.archives(), &root.join("qemu"), log)?;

    let kernel = apt.dependency(KERNEL)?;
    let packages = root.join("packages");
    fs::create_dir(&packages)?;
    run(apt.get().args(["download", &kernel]).current_dir(&packages)).map_err(|e| anyhow!(fetching(&e.to_string())))?;
    unpack(&packages, &root.join("linux"), log)?;
    // A third of the space would be taken by what is not needed any more.
    fs::remove_dir_all(packages)?;
    fs::remove_dir_all(apt.archives())?;
    Ok(())
}

/// Unpacks all packages of a directory into a tree.
fn unpack(packages: &Path, tree: &Path, log: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(tree)?;
    let mut count = 0;
    for entry in fs::read_dir(packages)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "deb") {
            tool::run(Command::new("dpkg").arg("-x").args([&path, tree]), log, PATIENCE)?;
            count += 1;
        }
    }
    if count == 0 {
        bail!("nothing was downloaded into {}; {} tells more", packages.display(), log.display());
    }
    Ok(())
}

/// Where this system gets Debian's packages from.
fn mirror() -> anyhow::Result<String> {
    if let Some(mirror) = std::env::var("SYSTOLE_DEBIAN").ok().filter(|m| !m.is_empty()) {
        return Ok(mirror);
    }
    let targets = ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"];
    let targets = tool::ask(Command::new("apt-get").args(targets))?;
    first_mirror(&targets).map(str::to_owned).ok_or_else(|| {
        anyhow!("apt-get knows no mirror of Debian here; set SYSTOLE_DEBIAN to the address of one, or {BY_HAND}")
    })
}

/// The first address of Debian itself; there are security updates and other people's packages as well.
fn first_mirror(targets: &str) -> Option<&str> {
    targets.lines().map(str::trim).find(|uri| uri.trim_end_matches('/').ends_with("/debian"))
}

/// apt-get with lists, state and archives of its own.
struct Apt {
    root: PathBuf,
}

impl Apt {
    fn new(root: &Path, mirror: &str) -> anyhow::Result<Self> {
        if root.exists() {
            fs::remove_dir_all(root)?;
        }
        for directory in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(root.join(directory))?;
        }
        let keys = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
        let signed = if keys.exists() { format!("[signed-by={}] ", keys.display()) } else { String::new() };
        let sources = ["", "-backports"].map(|suffix| format!("deb {signed}{mirror} {RELEASE}{suffix} main\n"));
        fs::write(root.join("sources.list"), sources.concat())?;
        fs::write(root.join("status"), "")?;
        let apt = Self { root: root.to_owned() };
        fs::write(apt.configuration(), configuration(root))?;
        Ok(apt)
    }

    fn configuration(&self) -> PathBuf {
        self.root.join("apt.conf")
    }

    fn archives(&self) -> PathBuf {
        self.root.join("cache/archives")
    }

    fn get(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.arg("--config-file").arg(self.configuration()).args(["--quiet", "--yes"]);
        command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
        command
    }

    /// The first package that another depends on.
    fn dependency(&self, package: &str) -> anyhow::Result<String> {
        let mut command = Command::new("apt-cache");
        command.arg("--config-file").arg(self.configuration()).args(["depends", package]).env("LC_ALL", "C");
        let text = tool::ask(&mut command)?;
        let depends = text.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
        depends.map(str::to_owned).ok_or_else(|| anyhow!("package {package} depends on no kernel; {BY_HAND}"))
    }
}

/// The system's own configuration is read before, so that its proxy is used; its hooks are not.
fn configuration(root: &Path) -> String {
    let root = root.display();
    format!(
        r#"Dir::Etc::SourceList "{root}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "{root}";
Dir::State::Lists "{root}/lists";
Dir::State::Status "{root}/status";
Dir::Cache "{root}/cache";
Dir::Cache::Archives "{root}/cache/archives";
Debug::NoLocking "true";
APT::Sandbox::User "root";
APT::Architecture "amd64";
#clear APT::Architectures;
APT::Architectures {{ "amd64"; }};
APT::Install-Recommends "false";
APT::Update::Error-Mode "any";
APT::Get::List-Cleanup "false";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
"#
    )
}

/// The only entry of a directory that begins so.
fn only_child(directory: &Path, prefix: &str) -> anyhow::Result<PathBuf> {
    let mut found = None;
    let entries = fs::read_dir(directory).map_err(|e| anyhow!("{}: {e}; delete {UNPACKED}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        let matches = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(prefix));
        if matches && found.replace(path).is_some() {
            bail!("{} holds more than one {prefix}*; delete {UNPACKED}", directory.display());
        }
    }
    found.ok_or_else(|| anyhow!("{} holds no {prefix}*; delete {UNPACKED}", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_that_of_debian_itself() {
        let targets = "http://other.example/apt/\nhttp://m.example/debian-security/\nhttp://m.example/debian/\n";
        assert_eq!(first_mirror(targets), Some("http://m.example/debian/"));
        assert_eq!(first_mirror("http://m.example/ubuntu/\n"), None);
    }

    #[test]
    fn a_directory_with_none_or_two_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(only_child(directory.path(), "vmlinuz-").is_err());
        for other in ["config-1", "vmlinuz-1"] {
            fs::write(directory.path().join(other), "").unwrap();
        }
        assert_eq!(only_child(directory.path(), "vmlinuz-").unwrap(), directory.path().join("vmlinuz-1"));
        fs::write(directory.path().join("vmlinuz-2"), "").unwrap();
        assert!(only_child(directory.path(), "vmlinuz-").is_err());
    }
}
