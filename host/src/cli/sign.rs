//! `spandrel keygen` and `spandrel sign`: Ed25519 signatures (RFC 8032) over image digests.
//!
//! A key file holds 64 hexadecimal digits and a line break: the 32 bytes of the secret seed, or of the public key.

use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer, SigningKey};
use serde_json::json;
use spandrel_core::image::{Image, SIGNATURE_BYTES, prepare_signed, put_signature};
use spandrel_core::load::Policy;

use super::{Done, image_file, output, print};
use crate::diagnostic::{Diagnostic, Result};
use crate::report::hex;
use crate::samples::write_atomic;

#[derive(clap::Args)]
pub(super) struct KeygenArgs {
    /// Where the secret key goes; the public one goes beside it, with `.pub` behind the name
    #[arg(short, long, value_name = "KEY")]
    output: PathBuf,
    /// One JSON object as the last line of standard output
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct SignArgs {
    /// The image
    image: PathBuf,
    /// The secret key that `keygen` wrote
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// Counter of this version: boards take no image below the counter of the one they run
    #[arg(long, value_name = "N", default_value_t = 0)]
    rollback: u32,
    /// Where the signed image goes
    #[arg(short, long, value_name = "IMAGE")]
    output: PathBuf,
    /// One JSON object as the last line of standard output
    #[arg(long)]
    json: bool,
}

fn public_path(secret: &Path) -> PathBuf {
    let mut name = secret.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

pub(super) fn keygen(args: &KeygenArgs) -> Result<Done> {
    let public = public_path(&args.output);
    for path in [&args.output, &public] {
        output::check(path, [])?;
        // A key that is replaced is lost, and with it every board that pins it.
        if path.exists() {
            let place = path.display().to_string();
            return Err(
                Diagnostic::error("SP0615", place, "there is a key already", "name another file").into()
            );
        }
    }
    let mut seed = [0_u8; 32];
    getrandom::fill(&mut seed).map_err(|error| {
        let rule = format!("the system gives no random numbers: {error}");
        Diagnostic::error("SP0615", "random numbers", rule, "try again on another system")
    })?;
    let key = SigningKey::from_bytes(&seed);
    let public_key = hex(&key.verifying_key().to_bytes());
    write_secret(&args.output, &format!("{}\n", hex(&seed)))?;
    write_atomic(&public, format!("{public_key}\n").as_bytes())?;
    print(&format!("{:14} {}\n{:14} {public_key}\n", "secret key", args.output.display(), "public key"));
    Done::passed(args.json.then(|| json!({ "public_key": public_key })))
}

/// Only the owner may read a secret, from its first byte on.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| Diagnostic::write(path, &error).into())
}

fn read_key(path: &Path) -> Result<SigningKey> {
    let wrong = |rule: String| {
        Diagnostic::error(
            "SP0615",
            path.display().to_string(),
            rule,
            "give the file that `spandrel keygen -o` wrote",
        )
    };
    let text = image_file::read(path)?;
    let digits: &[u8] = text.trim_ascii();
    let mut seed = [0_u8; 32];
    if digits.len() != 64 {
        return Err(wrong(format!("a key is 64 hexadecimal digits, not {} bytes", digits.len())).into());
    }
    for (byte, pair) in seed.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |c: u8| (c as char).to_digit(16);
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
            return Err(wrong("a key is 64 hexadecimal digits".to_owned()).into());
        };
        *byte = (high << 4 | low) as u8;
    }
    Ok(SigningKey::from_bytes(&seed))
}

pub(super) fn sign(args: &SignArgs) -> Result<Done> {
    output::check(&args.output, [&args.image, &args.key])?;
    let key = read_key(&args.key)?;
    let bytes = image_file::read(&args.image)?;
    let image = image_file::parse(&bytes, &args.image)?;
    let place = args.image.display().to_string();
    if image.signature().is_some() {
        let way_out = "sign the image that `spandrel compile` wrote";
        return Err(Diagnostic::error("SP0616", place, "the image is signed already", way_out).into());
    }
    let fault =
        |error: String| Diagnostic::error("SP0310", place.clone(), error, "report this with the image");
    let mut signed = vec![0; bytes.len() + SIGNATURE_BYTES];
    let (_, digest) =
        prepare_signed(&bytes, args.rollback, &mut signed).map_err(|error| fault(error.to_string()))?;
    put_signature(&mut signed, &key.sign(&digest).to_bytes()).map_err(|error| fault(error.to_string()))?;
    // What a board will do with it.
    let public_key = key.verifying_key().to_bytes();
    let policy = Policy { key: Some(public_key), ..Policy::any(u64::MAX) };
    let parsed = Image::parse(&signed).map_err(|error| fault(error.to_string()))?;
    policy.header(parsed.header()).map_err(|refusal| fault(refusal.to_string()))?;
    policy.signature(parsed.digest(), parsed.signature()).map_err(|refusal| fault(refusal.to_string()))?;
    write_atomic(&args.output, &signed)?;
    print(&format!(
        "{:14} {}\n{:14} {}\n{:14} {}\n{:14} {}\n",
        "image",
        args.output.display(),
        "digest",
        hex(&digest),
        "rollback",
        args.rollback,
        "public key",
        hex(&public_key)
    ));
    Done::passed(args.json.then(
        || json!({ "image_digest": hex(&digest), "rollback": args.rollback, "public_key": hex(&public_key) }),
    ))
}
