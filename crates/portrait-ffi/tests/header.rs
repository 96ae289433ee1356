//! `include/portrait.h` is what cbindgen makes of this crate. After a change: `UPDATE_SNAPSHOTS=1 cargo test -p portrait-ffi --test header`.

use std::path::Path;
use std::process::Command;

#[test]
fn the_header_is_as_recorded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let bindings = cbindgen::Builder::new().with_crate(root).with_config(config).generate().expect("a header");
    let mut made = Vec::new();
    bindings.write(&mut made);
    let made = String::from_utf8(made).expect("UTF-8");
    let path = root.join("include/portrait.h");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &made).expect("portrait.h");
        return;
    }
    let recorded = std::fs::read_to_string(&path).expect("portrait.h; make it with UPDATE_SNAPSHOTS=1");
    let differs = recorded.lines().zip(made.lines()).find(|(old, new)| old != new);
    assert!(recorded == made, "portrait.h is out of date, run with UPDATE_SNAPSHOTS=1: {differs:?}");
}

#[test]
fn the_header_is_one_of_c_plus_plus_too() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("host.cpp");
    let program = "int main() { return portrait_abi_version() == PORTRAIT_ABI_VERSION ? 0 : 1; }";
    std::fs::write(&file, format!("#include \"portrait.h\"\n{program}\n")).expect("written");
    let mut gcc = Command::new("g++");
    gcc.args(["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I"]);
    let Ok(output) = gcc.arg(root.join("include")).arg(&file).output() else {
        println!("SKIP: no g++");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_function_is_called_by_a_c_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let programs =
        std::fs::read_dir(root.join("tests/c")).expect("programs").map(|entry| entry.expect("a file").path());
    let programs: String = programs
        .filter(|file| file.extension().is_some_and(|kind| kind == "c" || kind == "h"))
        .map(|file| std::fs::read_to_string(file).expect("text"))
        .collect();
    let header = std::fs::read_to_string(root.join("include/portrait.h")).expect("portrait.h");
    let code = header.lines().filter(|line| !line.trim_start().starts_with("//"));
    let functions: Vec<&str> = code
        .filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next())
        .filter(|name| name.starts_with("portrait_"))
        .collect();
    assert!(functions.len() > 25, "{functions:?}");
    let left_out: Vec<&&str> = functions.iter().filter(|name| !programs.contains(&format!("{name}("))).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}
