//! `include/portrait.h` is what cbindgen makes of this crate. After a change: `UPDATE_SNAPSHOTS=1 cargo test -p portrait-ffi --test header`.

use std::path::Path;

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
