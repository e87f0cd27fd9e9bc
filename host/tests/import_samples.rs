//! Sample files: what is read, what is refused, what is written.

use std::io::Write;
use std::path::{Path, PathBuf};

use spandrel::diagnostic::Diagnostics;
use spandrel::samples::{
    Array, ArrayData, Feed, Layout, Preprocess, SampleData, SampleSet, Samples, read_named, write_atomic,
    write_npz,
};

/// A folder of its own, removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("spandrel-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("a temporary file");
        path
    }

    fn npz(&self, name: &str, arrays: &[(&str, &Array)]) -> PathBuf {
        let path = self.0.join(name);
        write_npz(&path, arrays).expect("a temporary file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn array(shape: &[usize], data: ArrayData) -> Array {
    Array { shape: shape.to_vec(), data }
}

fn idx(kind: u8, dims: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, kind, dims.len() as u8];
    dims.iter().for_each(|d| bytes.extend(d.to_be_bytes()));
    bytes.extend(data);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn refused<T: std::fmt::Debug>(result: Result<T, Diagnostics>, code: &str, parts: &[&str]) {
    let found = result.expect_err("it must be refused");
    assert_eq!(found.0.iter().map(|d| d.code).collect::<Vec<_>>(), [code], "{found}");
    let text = found.to_string();
    parts.iter().for_each(|p| assert!(text.contains(p), "{p:?} is not in\n{text}"));
    found.0.iter().for_each(|d| assert!(!d.place.is_empty() && !d.way_out.is_empty(), "{d:?}"));
}

fn read(path: &Path) -> Result<Samples, Diagnostics> {
    Samples::read(path, None)
}

#[test]
fn samples_and_labels_of_an_npz_file() {
    let folder = Folder::new("npz");
    let x = array(&[2, 1, 3], ArrayData::U8(vec![1, 2, 3, 4, 5, 6]));
    let y = array(&[2], ArrayData::I64(vec![7, 0]));
    let samples = read(&folder.npz("a.npz", &[("x", &x), ("y", &y)])).expect("samples");
    assert_eq!((samples.count, samples.shape.as_slice(), samples.sample_len()), (2, &[1, 3][..], 3));
    assert_eq!(samples.data, SampleData::U8(vec![1, 2, 3, 4, 5, 6]));
    assert_eq!(samples.labels, Some(vec![7, 0]));
    assert_eq!(samples.first(1).labels, Some(vec![7]));
    let set = SampleSet::from(samples);
    assert!(set.check_labels(8).is_ok());
    refused(set.check_labels(7), "SP0207", &["label 0 is 7", "0 to 6"]);

    let samples = read(&folder.npz("b.npz", &[("labels", &y), ("images", &x)])).expect("samples");
    assert_eq!(samples.labels, Some(vec![7, 0]));
    // A file of labels replaces those inside.
    let other = folder.write("labels.idx", &idx(8, &[2], &[3, 4]));
    let samples = Samples::read(&folder.0.join("b.npz"), Some(&other)).expect("samples");
    assert_eq!(samples.labels, Some(vec![3, 4]));
}

#[test]
fn idx_files_of_every_type() {
    let folder = Folder::new("idx");
    let cases = [
        (0x08, vec![0, 255], SampleData::U8(vec![0, 255])),
        (0x09, vec![0x80, 0x7f], SampleData::I8(vec![-128, 127])),
        (0x0b, vec![0x80, 0, 0, 1], SampleData::I16(vec![-32768, 1])),
        (0x0c, vec![0x80, 0, 0, 0, 0, 0, 0, 1], SampleData::I32(vec![i32::MIN, 1])),
        (0x0d, vec![0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0], SampleData::F32(vec![1.0, -2.0])),
        (0x0e, [1.0f64.to_be_bytes(), (-2.0f64).to_be_bytes()].concat(), SampleData::F32(vec![1.0, -2.0])),
    ];
    for (kind, bytes, wanted) in cases {
        let bytes = idx(kind, &[2, 1], &bytes);
        let plain = read(&folder.write("plain", &bytes)).expect("samples");
        assert_eq!((plain.count, &plain.data), (2, &wanted));
        assert_eq!(read(&folder.write("packed.gz", &gzip(&bytes))).expect("samples"), plain);
        for length in 0..bytes.len() {
            assert!(read(&folder.write("cut", &bytes[..length])).is_err(), "{kind:#x}: {length} bytes");
        }
        let packed = gzip(&bytes);
        for length in 0..packed.len() {
            assert!(
                read(&folder.write("cut.gz", &packed[..length])).is_err(),
                "{kind:#x}: {length} packed bytes"
            );
        }
    }
}

#[test]
fn what_can_not_be_used_is_named() {
    let folder = Folder::new("refused");
    refused(read(Path::new("no/such/file.npz")), "SP0001", &["no/such/file.npz"]);
    refused(read(&folder.write("empty.npz", b"")), "SP0201", &["empty"]);
    refused(read(&folder.write("a.csv", b"1,2,3\n")), "SP0201", &["a.csv", "npz, npy, idx"]);
    refused(read(&folder.write("b.gz", &gzip(b"1,2,3\n"))), "SP0201", &["decompressed"]);
    refused(read(&folder.write("c.npz", b"PK\x03\x04 and nothing else")), "SP0202", &["c.npz"]);
    refused(read(&folder.write("d", &idx(7, &[1], &[0]))), "SP0204", &["0x07"]);
    refused(read(&folder.write("e", &idx(8, &[0, 28, 28], &[]))), "SP0205", &["[0, 28, 28]"]);
    refused(read(&folder.write("f", &idx(8, &[1, 2], &[0, 0, 0]))), "SP0211", &["more bytes"]);
    refused(read(&folder.write("g", &idx(8, &[u32::MAX, u32::MAX, u32::MAX], &[0]))), "SP0202", &["memory"]);
    refused(
        read(&folder.write("h", &idx(8, &[u32::MAX, 9], &[0]))),
        "SP0211",
        &["38654705655 bytes", "limit of 4 GiB"],
    );
    refused(read(&folder.write("i", &idx(8, &[u32::MAX - 99], &[0]))), "SP0202", &["1 of 4294967196 bytes"]);

    let x = array(&[2, 2], ArrayData::F32(vec![0.0, 1.0, f32::NAN, 1.0]));
    refused(
        read(&folder.npz("nan.npz", &[("x", &x)])),
        "SP0208",
        &["sample 1, element 0 is NaN", "array \"x\""],
    );
    refused(read(&folder.npz("z.npz", &[("a", &x), ("b", &x)])), "SP0203", &["x or images", "it has a, b"]);
    refused(read_named(&folder.0.join("z.npz"), "c"), "SP0203", &["a, b"]);
    let x = array(&[2, 2], ArrayData::I64(vec![0, 0, 0, 1 << 40]));
    refused(read(&folder.npz("wide.npz", &[("x", &x)])), "SP0204", &["32 bits"]);

    let x = array(&[2, 1], ArrayData::U8(vec![0, 1]));
    let labels = |data, shape: &[usize]| folder.npz("l.npz", &[("x", &x), ("y", &array(shape, data))]);
    refused(read(&labels(ArrayData::U8(vec![0, 1, 2]), &[3])), "SP0207", &["2 samples, but 3 labels"]);
    refused(read(&labels(ArrayData::I8(vec![0, -1]), &[2])), "SP0207", &["label 1 is -1"]);
    // Fractions beside samples are some model's outputs.
    assert_eq!(read(&labels(ArrayData::F32(vec![0.0, 1.0]), &[2])).expect("samples").labels, None);
    refused(read(&labels(ArrayData::U8(vec![0, 1, 2, 3]), &[2, 2])), "SP0207", &["[2, 2]"]);
    let missing = Samples::read(&labels(ArrayData::U8(vec![0, 1]), &[2]), Some(Path::new("no-labels")));
    refused(missing, "SP0001", &["no-labels"]);
    let both = Samples::read(Path::new("no-samples"), Some(Path::new("no-labels"))).expect_err("two faults");
    assert_eq!(both.0.len(), 2);
}

/// A zip entry whose npy header claims little, but which decompresses to 8 MiB; and one that claims 8 GiB.
#[test]
fn a_decompression_bomb_is_refused() {
    let folder = Folder::new("bomb");
    let header = |shape: &str| {
        let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00".as_slice(), &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat()
    };
    for (shape, code) in [("(1, 10)", "SP0211"), ("(8, 1073741824)", "SP0211"), ("(2, 1073741824)", "SP0202")]
    {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("x.npy", zip::write::SimpleFileOptions::default()).expect("memory");
        zip.write_all(&header(shape)).expect("memory");
        for _ in 0..8 {
            zip.write_all(&vec![0; 1 << 20]).expect("memory");
        }
        let bytes = zip.finish().expect("memory").into_inner();
        assert!(bytes.len() < 1 << 20);
        refused(read(&folder.write("bomb.npz", &bytes)), code, &["array \"x\""]);
    }
}

/// Every changed byte of a small compressed npz file is refused or read, without a panic.
#[test]
fn damaged_npz_files_survive() {
    let folder = Folder::new("damage");
    let x = array(&[2, 3], ArrayData::F32(vec![1.0; 6]));
    let y = array(&[2], ArrayData::U8(vec![0, 1]));
    let bytes = std::fs::read(folder.npz("whole.npz", &[("x", &x), ("y", &y)])).expect("bytes");
    for at in 0..bytes.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            let _ = read(&folder.write("changed.npz", &changed));
        }
        assert!(read(&folder.write("cut.npz", &bytes[..at])).is_err(), "{at} bytes");
    }
}

#[test]
fn samples_become_batches() {
    let x = array(&[2, 1, 2, 3], ArrayData::U8((0..12).map(|v| v * 20).collect()));
    let samples = Samples::from_array(x, "x").expect("samples");
    let layout: Layout = "nhwc:nchw".parse().expect("a layout");
    let mean = [0.0, 0.25, 0.5];
    let preprocess = Preprocess::new(&samples.data, None, Some(&mean), Some(&[0.5])).expect("parameters");
    let feed = Feed::new(&samples.shape, &[3, 1, 2], Some(&layout), preprocess.clone()).expect("fitting");
    let batch = feed.batch(&samples, 1..2);
    let value = |raw: f64, mean: f64| ((raw / 255.0 - mean) / 0.5) as f32;
    let wanted = [
        value(120.0, 0.0),
        value(180.0, 0.0),
        value(140.0, 0.25),
        value(200.0, 0.25),
        value(160.0, 0.5),
        value(220.0, 0.5),
    ];
    for (a, b) in batch.data().iter().zip(wanted) {
        assert!((a - b).abs() < 1e-6, "{:?}", batch.data());
    }
    // Without a layout the channels are found by their number; the order stays.
    let feed = Feed::new(&samples.shape, &[1, 2, 3], None, preprocess.clone()).expect("fitting");
    assert_eq!(feed.channel.as_deref(), Some(&[0, 1, 2, 0, 1, 2][..]));
    assert!(feed.order.is_none() && feed.warnings.is_empty());
    let feed = Feed::new(&samples.shape, &[2, 3], None, preprocess.clone()).expect("fitting");
    assert!(feed.warnings.is_empty());
    let feed = Feed::new(&samples.shape, &[3, 2], None, preprocess.clone()).expect("fitting");
    assert_eq!(feed.warnings.0.len(), 1);
    refused(
        Feed::new(&samples.shape, &[7], None, preprocess.clone()),
        "SP0206",
        &["[1, 2, 3] (6", "[7] (7)"],
    );
    refused(Feed::new(&samples.shape, &[2, 3], Some(&layout), preprocess.clone()), "SP0206", &["[3, 1, 2]"]);
    refused(Feed::new(&[6], &[6], None, preprocess), "SP0210", &["3 channels"]);
    refused(Preprocess::new(&samples.data, Some(&[0.0]), None, None), "SP0210", &["--scale"]);
    refused(Preprocess::new(&samples.data, None, Some(&[f64::NAN]), None), "SP0210", &["--mean"]);
    refused(Preprocess::new(&samples.data, None, Some(&[0.0; 3]), Some(&[1.0; 2])), "SP0210", &["--std"]);
    refused(Preprocess::new(&samples.data, None, None, Some(&[])), "SP0210", &["--std"]);
    let floats = SampleData::F32(Vec::new());
    assert_eq!(Preprocess::new(&floats, None, None, None).expect("defaults").scale, [1.0]);
}

#[test]
fn written_files_are_whole_and_the_same_every_time() {
    let folder = Folder::new("write");
    let x = array(&[2, 2], ArrayData::F32(vec![1.0, -2.0, 3.5, 0.0]));
    let y = array(&[2], ArrayData::I32(vec![-1, 5]));
    let one = std::fs::read(folder.npz("one.npz", &[("x", &x), ("y", &y)])).expect("bytes");
    // No time of writing, which would change from run to run: 1 January 1980, midnight, in DOS form.
    assert_eq!(one[10..14], [0, 0, 0x21, 0]);
    let two = std::fs::read(folder.npz("two.npz", &[("x", &x), ("y", &y)])).expect("bytes");
    assert_eq!(one, two);
    assert_eq!(read_named(&folder.0.join("one.npz"), "x").expect("x"), x);
    assert_eq!(read_named(&folder.0.join("one.npz"), "y").expect("y"), y);

    refused(write_atomic(&folder.0.join("no/such/folder"), b"x"), "SP0002", &["no/such/folder"]);
    refused(write_atomic(Path::new("/"), b"x"), "SP0002", &["names no file"]);
    let target = folder.0.join("taken");
    std::fs::create_dir_all(target.join("inside")).expect("a folder");
    refused(write_atomic(&target, b"x"), "SP0002", &["taken"]);
    write_atomic(&folder.0.join("one.npz"), b"new").expect("replaced");
    assert_eq!(std::fs::read(folder.0.join("one.npz")).expect("bytes"), b"new");
    let left: Vec<_> =
        std::fs::read_dir(&folder.0).expect("folder").map(|e| e.expect("entry").file_name()).collect();
    assert_eq!(left.len(), 3, "a part file was left behind: {left:?}");
}
