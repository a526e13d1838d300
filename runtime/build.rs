//! A hash over everything that decides what quantization gives: models kept in the cache by another build are not used.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

fn main() {
    let mut files = Vec::new();
    for tree in ["src", "data", "../driver/isa/src"] {
        println!("cargo::rerun-if-changed={tree}");
        collect(Path::new(tree), &mut files);
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        let content = std::fs::read(&file).expect("a source file is readable");
        (file, content).hash(&mut hasher);
    }
    println!("cargo::rustc-env=SYSTOLE_RUNTIME_SOURCES={:016x}", hasher.finish());
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a source directory is readable") {
        let path = entry.expect("a source directory is readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
