//! Writes the generated files into the repository.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (path, text) in systole_bitgen::generated_files() {
        let target = root.join(&path);
        if let Some(directory) = target.parent() {
            std::fs::create_dir_all(directory)?;
        }
        if std::fs::read_to_string(&target).is_ok_and(|old| old == text) {
            println!("unchanged {}", path.display());
        } else {
            std::fs::write(&target, text)?;
            println!("written   {}", path.display());
        }
    }
    Ok(())
}
