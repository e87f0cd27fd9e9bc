//! The committed header is what cbindgen makes of the sources. `SPANDREL_BLESS=1` writes it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;

#[test]
fn the_header_is_that_of_the_sources() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).expect("cbindgen.toml");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for name in
        ["status", "bus", "policy", "image", "run", "load", "check", "port", "ask", "self_test", "slots"]
    {
        builder = builder.with_src(folder.join(format!("src/{name}.rs")));
    }
    let mut made = Vec::new();
    builder.generate().expect("cbindgen reads the sources").write(&mut made);
    let made = String::from_utf8(made).expect("text");
    let path = folder.join("spandrel.h");
    if std::env::var("SPANDREL_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &made).expect("spandrel.h can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == made, "spandrel.h is stale: SPANDREL_BLESS=1 cargo test -p spandrel-c");
    // A module that was forgotten in the list above would leave its exports out.
    let exports: usize = std::fs::read_dir(folder.join("src"))
        .expect("src")
        .map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("text"))
        .map(|text| text.lines().filter(|line| line.trim() == "#[unsafe(no_mangle)]").count())
        .sum();
    let declared = made
        .lines()
        .filter(|line| line.starts_with("uint32_t spandrel_") || line.starts_with("size_t spandrel_"));
    assert_eq!(declared.count(), exports);
}
