//! The C example, built with arm-none-eabi-gcc and run on QEMU's mps2-an386: it loads, verifies, infers, and refuses a damaged, an
//! unsigned and a rolled-back image. Its codes and digests are those of the host.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use ed25519_dalek::{Signer, SigningKey};
use spandrel_core::image::{Header, Image, Subject, prepare_signed, put_signature};
use spandrel_core::machine::{Machine, OutputDigest};
use spandrel_core::verify::read_in_test_mode;
use spandrel_tests::images::{Answer, ImageBuilder, mlp};
use spandrel_tests::{qemu, run};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn signed(image: &[u8], rollback: u32, key: &SigningKey) -> Vec<u8> {
    let mut out = vec![0; image.len() + 64];
    let (length, digest) = prepare_signed(image, rollback, &mut out).unwrap();
    out.truncate(length);
    put_signature(&mut out, &key.sign(&digest).to_bytes()).unwrap();
    out
}

/// An answer of each configuration, every row driven by the same code; how many values they are.
fn record_cores(builder: &mut ImageBuilder) -> usize {
    let bytes = builder.build();
    let image = Image::parse(&bytes).unwrap();
    let mut values = 0;
    for number in 0..image.config_count() {
        let config = image.config(number).unwrap();
        let store: &[u8] = image.weights();
        let read = |unit| read_in_test_mode(&image, &store, &config, unit, |_| 40).unwrap();
        let answers: Vec<i32> = (0..config.columns()).map(read).collect();
        values += answers.len();
        let subject = Subject::Config { config: number, shift: None, relu: None };
        builder.answers.push(Answer { subject, inputs: vec![40; config.rows() as usize], answers });
    }
    values
}

fn array(name: &str, bytes: &[u8]) -> String {
    let mut text = format!("static const uint8_t {name}[{}] __attribute__((aligned(8))) = {{", bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        let _ = write!(text, "{}0x{byte:02x},", if at % 16 == 0 { "\n    " } else { " " });
    }
    text + "\n};\n"
}

fn tool(command: &mut Command, install: &str) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    command.output().unwrap_or_else(|error| panic!("{name}: {error}: install it with `{install}`"))
}

/// Builds the example with these images; its ELF.
fn build(folder: &Path, images: &[(&str, &[u8])]) -> PathBuf {
    let header: String = images.iter().map(|(name, bytes)| array(name, bytes)).collect();
    std::fs::write(folder.join("images.h"), format!("#include <stdint.h>\n{header}")).unwrap();
    tool(Command::new("arm-none-eabi-gcc").arg("--version"), "apt-get install gcc-arm-none-eabi");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("c-example").join("build.sh");
    let elf = folder.join("example.elf");
    let built = Command::new("bash").arg(script).arg(folder).arg(&elf).output().expect("bash");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    elf
}

fn run_example(elf: &Path) -> (Option<i32>, String) {
    let options = "-machine mps2-an386 -display none -monitor none -serial null \
                   -semihosting-config enable=on,target=native -kernel";
    let mut command = Command::new("timeout");
    command.args(["120", qemu::QEMU]).args(options.split_whitespace()).arg(elf);
    let output = tool(&mut command, "apt-get install qemu-system-arm");
    // Semihosting text goes to one of the two.
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("text"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_example_loads_verifies_infers_and_refuses() {
    if std::env::var(qemu::SKIP).is_ok_and(|value| value == "1") {
        let _ = writeln!(
            std::io::stderr(),
            "NOT RUN: {}=1, so the C example was not tried under QEMU",
            qemu::SKIP
        );
        return;
    }
    let folder = std::env::temp_dir().join(format!("spandrel-c-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut builder = mlp::image();
    let of_cores = record_cores(&mut builder);
    builder.record_networks(&[&mlp::SAMPLES[0], &mlp::SAMPLES[1]]);
    let plain = builder.build();
    let key = SigningKey::from_bytes(&[3; 32]);
    let (good, old) = (signed(&plain, 5, &key), signed(&plain, 4, &key));
    let mut damaged = good.clone();
    let last = Header::parse(&damaged).unwrap().seal_offset as usize - 1;
    damaged[last] ^= 1;
    let samples = mlp::SAMPLES.map(|sample| sample.map(|value| value as u8));
    let public = key.verifying_key().to_bytes();
    let images = |good: &[u8], unsigned: &[u8]| {
        let parts: [(&str, &[u8]); 7] = [
            ("good_image", good),
            ("damaged_image", &damaged),
            ("unsigned_image", unsigned),
            ("old_image", &old),
            ("pinned_key", &public),
            ("sample_0", &samples[0]),
            ("sample_1", &samples[1]),
        ];
        run_example(&build(&folder, &parts))
    };
    let (exit, text) = images(&good, &plain);
    println!("{text}");
    let mut expected: Vec<String> = [
        "image 0",
        "load damaged 32 section-checksum",
        "load unsigned 33 unsigned",
        "load rolled-back 33 rolled-back",
        "load good 0",
        "read-back 0",
        "known-answers 0",
    ]
    .map(str::to_owned)
    .to_vec();
    let image = Image::parse(&good).unwrap();
    for (sample, codes) in mlp::SAMPLES.iter().zip(mlp::OUTPUTS) {
        let mut words = run::memory(&image);
        let mut machine = Machine::new(&image, image.weights(), &mut words).unwrap();
        let mut outputs = OutputDigest::new();
        machine.run(*sample, &mut outputs).unwrap();
        expected.push(format!(
            "sample class {} codes {} {}",
            u32::from(codes[1] > codes[0]),
            codes[0],
            codes[1]
        ));
        expected.push(format!("state {}", hex(&machine.snapshot().digest())));
        expected.push(format!("output {}", hex(&outputs.digest())));
    }
    // Two samples of two signals.
    let compared = |values: usize| format!("compared {values}");
    let (cores, all) = (compared(of_cores), compared(of_cores + 4));
    let asked = ["cores 0", &cores, "network 0", &compared(4), "self-test 0", &all].map(str::to_owned);
    expected.extend(asked);
    let rest = [
        "read-back 0",
        "cores 64 wrong-unit",
        "named vector 1 core 1 unit 2 seat -1",
        "self-test 64 wrong-unit",
        "named vector 1 core 1 unit 2 seat 3",
        "cores 0",
        &cores,
        "network 64 wrong-output",
        "named vector 3 core -1 unit 1 seat -1",
        "read-back 65 differs",
        "self-test 65 differs",
        "named vector -1 core 0 unit 0 seat 2",
        "load again 0",
        "read-back 0",
        "verdict passed",
    ];
    expected.extend(rest.map(str::to_owned));
    let told: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("chip ") && !line.starts_with("slices ") && !line.starts_with(' '))
        .collect();
    assert_eq!(told, expected);
    assert_eq!(exit, Some(0));
    let held: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("chip ")).collect();
    assert_eq!(held, ["held", "held", "held", "running", "running"]);
    let slices = text.lines().find_map(|line| line.strip_prefix("slices ")).unwrap();
    assert!(slices.parse::<u32>().unwrap() > 5, "{slices}");

    // A signed image where an unsigned one is expected: the example must notice that it was taken.
    let (exit, text) = images(&good, &good);
    assert_eq!(exit, Some(1), "{text}");
    assert!(text.contains("verdict failed"));
    let _ = std::fs::remove_dir_all(&folder);
}
