//! The worked example: the digits network, from ONNX file to verified image.

use std::fs;

use crate::process::{Result, announce, cargo, demand, root, spandrel};

/// Compiles the network for PRIME and verifies the image.
///
/// # Errors
/// A step failed; it has said why.
pub(crate) fn digits() -> Result<()> {
    let out = root().join("out");
    fs::create_dir_all(&out).map_err(|error| format!("{} can not be made: {error}", out.display()))?;
    announce("cargo build --release");
    demand(cargo().args(["build", "--release", "--package", "spandrel"]), "building")?;
    // The pixels are 0 to 16 and the network divides by 16 itself: hence --scale 1, not a byte's 1/255.
    let compile = "compile examples/digits/digits_mlp.onnx --chip prime --samples examples/digits/train.npz \
                   --test examples/digits/test.npz --scale 1 -o out/digits.spandrel --report out/digits.json";
    let verify = "verify out/digits.spandrel --model examples/digits/digits_mlp.onnx \
                  --samples examples/digits/train.npz --require C1,C2,C3,C6";
    for line in [compile, verify] {
        announce(&format!("spandrel {line}"));
        let arguments: Vec<&str> = line.split_whitespace().collect();
        demand(&mut spandrel(&arguments), arguments[0])?;
    }
    println!("\nimage    {}", out.join("digits.spandrel").display());
    println!("report   {}", out.join("digits.json").display());
    Ok(())
}
