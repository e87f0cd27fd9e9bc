//! The fast engine against the core engine: images by chance, every value, every digest.

mod engine_common;

use std::collections::BTreeSet;

use engine_common::{
    Rng, conv, loops, random,
    trace::{Event, observe},
};
use spandrel::engine::{CoreEngine, ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel_core::{
    arith::Rounding,
    crossbar::{Activation, Polarity, Readout},
    image::{Codec, Image, Instruction},
};

/// Raw samples of the type that an image takes.
enum Samples {
    U8(Vec<u8>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
}

impl Samples {
    fn new(raw: Codec, values: usize, rng: &mut Rng) -> Self {
        let mut words = (0..values).map(|index| {
            // Small, large and extreme ones.
            let word = rng.next() as i32;
            match index % 3 {
                0 => word >> 26,
                1 => word >> 17,
                _ => word,
            }
        });
        match raw {
            Codec::U8 => Self::U8(words.map(|word| word as u8).collect()),
            Codec::I8 => Self::I8(words.map(|word| word as i8).collect()),
            Codec::I16 => Self::I16(words.map(|word| word as i16).collect()),
            _ => Self::I32(words.by_ref().collect()),
        }
    }

    fn batch(&self, length: usize) -> RawBatch<'_> {
        let data = match self {
            Self::U8(values) => RawData::U8(values),
            Self::I8(values) => RawData::I8(values),
            Self::I16(values) => RawData::I16(values),
            Self::I32(values) => RawData::I32(values),
        };
        RawBatch::new(data, length).unwrap()
    }
}

const IMAGES: u64 = 400;

/// Compares everything that the engines show of the image of `seed`; returns how much that is, and the loop nests that the fast
/// engine runs side by side.
fn compare(seed: u64, made: &random::Made) -> (usize, usize) {
    let bytes = made.builder.image();
    let image = Image::parse(&bytes).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let mut rng = Rng(seed);
    let samples = Samples::new(made.raw, made.length * 5, &mut rng);
    let batch = samples.batch(made.length);
    let one = Options::with_threads(1);
    let mut core = CoreEngine::new(&image, one).unwrap();
    let (expected, outputs) = observe(&mut core, &batch).unwrap();

    let mut fast = FastEngine::new(&image, one).unwrap();
    let (found, shown) = observe(&mut fast, &batch).unwrap();
    for (index, (expected, found)) in expected.iter().zip(&found).enumerate() {
        assert_eq!(expected, found, "seed {seed}, event {index}");
    }
    assert_eq!(expected.len(), found.len(), "seed {seed}");
    assert_eq!(outputs, shown, "seed {seed}");

    for (threads, block) in [(1, 128), (2, 2), (3, 1)] {
        let options = Options::with_threads(threads);
        let mut fast = FastEngine::new(&image, options).unwrap().with_block(block);
        assert_eq!(outputs, fast.run_batch(&batch).unwrap(), "seed {seed}, {threads} threads");
        let mut core = CoreEngine::new(&image, options).unwrap();
        assert_eq!(outputs, core.run_batch(&batch).unwrap(), "seed {seed}, {threads} threads");
    }
    (expected.len(), fast.nests())
}

#[test]
fn every_value_and_digest_is_the_same() {
    let events: usize = (0..IMAGES).map(|seed| compare(seed, &random::image(seed)).0).sum();
    assert!(events > 100_000, "only {events} values compared");
}

#[test]
fn loops_give_the_same_side_by_side_and_in_order() {
    let (mut events, mut all, mut nests, mut stepped) = (0, 0, 0, 0);
    for seed in 0..IMAGES {
        let made = loops::image(seed);
        let (shown, own) = compare(seed, &made);
        let program = &made.builder.program;
        let layers = program.iter().filter(|i| matches!(i, Instruction::Loop { .. })).count();
        events += shown;
        all += layers;
        nests += own;
        stepped += usize::from(own == 0);
    }
    println!("{nests} nests of {all} loops side by side, {stepped} images without, {events} values");
    assert!(events > 100_000, "only {events} values compared");
    assert!(nests > 300, "only {nests} nests run side by side");
    assert!(stepped > 50, "only {stepped} images are stepped");
}

/// Networks as they are compiled: every loop over positions runs side by side.
#[test]
fn convolutional_networks_run_side_by_side() {
    let lenet = conv::lenet(3);
    let image = Image::parse(&lenet).unwrap();
    let mut rng = Rng(9);
    let raw: Vec<u8> = (0..2 * 784).map(|_| rng.range(0, 63) as u8).collect();
    let batch = RawBatch::new(RawData::U8(&raw), 784).unwrap();
    let mut fast = FastEngine::new(&image, Options::with_threads(2)).unwrap();
    assert_eq!(fast.nests(), 6);
    let mut core = CoreEngine::new(&image, Options::with_threads(2)).unwrap();
    let expected = core.run_batch(&batch).unwrap();
    assert!(expected.codes.iter().any(|code| *code != 0));
    assert_eq!(fast.run_batch(&batch).unwrap(), expected);
    assert_eq!(fast.state_digests(&batch).unwrap(), core.state_digests(&batch).unwrap());
}

/// What the images above are made of: without this, a test of nothing would pass.
#[test]
fn the_images_cover_the_machine() {
    let mut seen = BTreeSet::new();
    let (mut reads, mut moved, mut outputs) = (0u64, 0u64, BTreeSet::new());
    for seed in 0..IMAGES {
        let made = random::image(seed);
        let b = &made.builder;
        seen.extend(b.edges.iter().map(|edge| format!("{:?}", edge.codec)));
        seen.extend(b.blobs.iter().map(|blob| format!("{:?}", blob.encoding)));
        for crossbar in &b.configs {
            seen.insert(match crossbar.readout {
                Readout::Composed { rounding: Rounding::Floor, .. } => "floor".to_owned(),
                Readout::Composed { .. } => "zero".to_owned(),
                Readout::Exact { .. } => "exact".to_owned(),
            });
            seen.insert(match crossbar.activation {
                Activation::Table { .. } => "table".to_owned(),
                other => format!("{other:?}"),
            });
            if crossbar.polarity == Polarity::Offset {
                seen.insert("offset".to_owned());
            }
            let lines = u64::from(crossbar.rows + crossbar.bias_rows);
            let driven = lines << (crossbar.dac_bits + crossbar.cell_bits);
            // Weights are drawn evenly: about half of the largest sum is reached.
            if driven > 1 << 26 {
                seen.insert(format!("wide {}", matches!(crossbar.readout, Readout::Exact { .. })));
            }
            if crossbar.pool > 1 {
                seen.insert("pool".to_owned());
            }
        }
        seen.extend(b.program.iter().map(|instruction| match instruction {
            Instruction::Reset(target) => format!("RESET {}", &format!("{target:?}")[..4]),
            other => other.name().to_owned(),
        }));
        let bytes = b.image();
        let image = Image::parse(&bytes).unwrap();
        let samples = Samples::new(made.raw, made.length, &mut Rng(seed));
        let mut core = CoreEngine::new(&image, Options::with_threads(1)).unwrap();
        for event in observe(&mut core, &samples.batch(made.length)).unwrap().0 {
            match event {
                Event::Read(_, value) => {
                    reads += 1;
                    moved += u64::from(value != 0);
                }
                Event::Unit(_, value) | Event::Emit(_, _, value) => {
                    outputs.insert(value);
                }
                Event::Tick(_) | Event::Done(..) => {}
            }
        }
    }
    for name in
        "Bit U8 I8 I16 I32 Dense SignMagnitude Codebook AxonTyped SparseBlocks floor zero exact table Relu \
                 None offset pool LOOP END GATHER INVOKE SCATTER ADD RATE TICK EMIT"
            .split_whitespace()
            .chain(["wide true", "wide false", "RESET Sums", "RESET Edge", "RESET Stat"])
    {
        assert!(seen.contains(name), "no image has {name}");
    }
    println!("{moved} of {reads} reads are not 0, {} different outputs", outputs.len());
    assert!(moved * 5 > reads, "{moved} of {reads} reads are not 0");
    assert!(outputs.len() > 500, "only {} different outputs", outputs.len());
}
