//! Lists the weights that go into the program: every `weights/portrait_PRESET.safetensors`.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../weights").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(preset) = name.strip_prefix("portrait_").and_then(|name| name.strip_suffix(".safetensors")) {
            found.push(format!("    ({preset:?}, include_bytes!({path:?})),\n"));
        }
    }
    found.sort();
    let list = format!("&[\n{}]\n", found.concat());
    fs::write(Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("bundled.rs"), list)
}
