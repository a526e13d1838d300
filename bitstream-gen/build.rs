//! Lists the SystemVerilog files, so that they are part of every binary.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() {
    let rtl = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("rtl");
    let mut files = Vec::new();
    collect(&rtl, &mut files);
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let path = file.strip_prefix(&rtl).expect("found below it").to_str().expect("a name in ASCII");
        writeln!(list, "    Source {{ path: {path:?}, text: include_str!({file:?}) }},").expect("a string grows");
    }
    list.push(']');
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("set by cargo"));
    std::fs::write(out.join("rtl_files.rs"), list).expect("OUT_DIR can be written");
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", directory.display());
    for entry in std::fs::read_dir(directory).expect("the RTL is part of the package") {
        let path = entry.expect("the directory can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "sv" || e == "vlt") {
            files.push(path);
        }
    }
}
