//! Puts an image together from records, and computes what the machine's memory needs.

use spandrel_core::{
    arith::Rounding,
    crossbar::{Activation, Crossbar, Polarity, Readout},
    image::{
        Access, Blob, ChipLimits, Codec, Config, Edge, Encoder, Encoding, Instruction, Mapping, NO_BLOB,
        NO_TABLE, Plan, ResetTarget, Tag, assemble, assembled_len, emit_list,
    },
};

#[derive(Clone, Debug, Default)]
pub(crate) struct Builder {
    pub(crate) edges: Vec<Edge>,
    pub(crate) tables: Vec<Vec<i32>>,
    pub(crate) accesses: Vec<Access>,
    pub(crate) blobs: Vec<Blob>,
    pub(crate) configs: Vec<Crossbar>,
    pub(crate) program: Vec<Instruction>,
    pub(crate) encoders: Vec<Encoder>,
    pub(crate) weights: Vec<u8>,
}

/// The PRIME array without an activation.
pub(crate) fn prime(rows: u32, columns: u32, blob: u32, shift: u8) -> Crossbar {
    Crossbar {
        rows,
        bias_rows: 0,
        columns,
        blob,
        input_bits: 6,
        dac_bits: 3,
        cell_bits: 4,
        slices: 2,
        output_bits: 6,
        polarity: Polarity::Differential,
        readout: Readout::Composed { shift, rounding: Rounding::TowardZero },
        adder_bits: 16,
        sum_shift: 0,
        activation: Activation::None,
        pool: 1,
        bias_code: 63,
        out_lo: i32::MIN,
        out_hi: i32::MAX,
    }
}

/// Packs fields of `bits` bits, the first in the lowest bits.
fn pack(fields: impl Iterator<Item = u32>, bits: u8, out: &mut Vec<u8>) {
    let (mut window, mut held) = (0u64, 0);
    for field in fields {
        let mask = (1u64 << bits) - 1;
        window |= (u64::from(field) & mask) << held;
        held += u32::from(bits);
        while held >= 8 {
            out.push(window as u8);
            window >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        out.push(window as u8);
    }
}

impl Builder {
    pub(crate) fn edge(&mut self, length: u32, codec: Codec) -> u32 {
        self.ring(Edge { length, codec, clear_on_tick: false, slots: 1, reset: 0, ram_offset: 0 })
    }

    pub(crate) fn ring(&mut self, edge: Edge) -> u32 {
        self.edges.push(edge);
        self.edges.len() as u32 - 1
    }

    pub(crate) fn table(&mut self, entries: Vec<i32>) -> u32 {
        self.tables.push(entries);
        self.tables.len() as u32 - 1
    }

    pub(crate) fn access(&mut self, access: Access) -> u32 {
        self.accesses.push(access);
        self.accesses.len() as u32 - 1
    }

    /// `count` signals of `edge` from `first`.
    pub(crate) fn run(&mut self, edge: u32, first: u32, count: u32) -> u32 {
        let length = self.edges[edge as usize].length;
        self.access(Access::run(edge, length, first as i32, count))
    }

    pub(crate) fn config(&mut self, config: Crossbar) -> u32 {
        self.configs.push(config);
        self.configs.len() as u32 - 1
    }

    fn push_blob(&mut self, blob: Blob, data: &[u8]) -> u32 {
        let (offset, length) = (self.weights.len() as u64, data.len() as u64);
        self.weights.extend_from_slice(data);
        self.blobs.push(Blob { offset, length, ..blob });
        self.blobs.len() as u32 - 1
    }

    fn plain(encoding: Encoding, bits: u8, columns: &[Vec<i32>]) -> Blob {
        Blob {
            encoding,
            bits,
            flags: 0,
            rows: columns[0].len() as u32,
            columns: columns.len() as u32,
            values: NO_TABLE,
            types: NO_TABLE,
            type_count: 0,
            offset: 0,
            length: 0,
        }
    }

    pub(crate) fn sign_magnitude(&mut self, bits: u8, columns: &[Vec<i32>]) -> u32 {
        let mut data = Vec::new();
        for column in columns {
            pack(column.iter().map(|w| w.unsigned_abs()), bits, &mut data);
            pack(column.iter().map(|w| u32::from(*w < 0)), 1, &mut data);
        }
        self.push_blob(Self::plain(Encoding::SignMagnitude, bits, columns), &data)
    }

    pub(crate) fn dense(&mut self, bits: u8, columns: &[Vec<i32>]) -> u32 {
        let mut data = Vec::new();
        for column in columns {
            pack(column.iter().map(|w| *w as u32), bits, &mut data);
        }
        self.push_blob(Self::plain(Encoding::Dense, bits, columns), &data)
    }

    /// `indices` into `values`; one book for all columns, or one for each.
    pub(crate) fn codebook(&mut self, bits: u8, indices: &[Vec<i32>], values: Vec<i32>) -> u32 {
        let mut data = Vec::new();
        for column in indices {
            pack(column.iter().map(|w| *w as u32), bits, &mut data);
        }
        let flags = u16::from(values.len() > 1 << bits);
        let values = self.table(values);
        self.push_blob(Blob { flags, values, ..Self::plain(Encoding::Codebook, bits, indices) }, &data)
    }

    pub(crate) fn axon_typed(&mut self, synapses: &[Vec<i32>], types: Vec<i32>, values: Vec<i32>) -> u32 {
        let mut data = Vec::new();
        for column in synapses {
            pack(column.iter().map(|w| *w as u32), 1, &mut data);
        }
        let type_count = (values.len() / synapses.len()) as u32;
        let (types, values) = (self.table(types), self.table(values));
        let blob = Self::plain(Encoding::AxonTyped, 1, synapses);
        self.push_blob(Blob { types, values, type_count, ..blob }, &data)
    }

    /// Blocks of `height` rows; all others of a column are zero. `rows` a multiple of nothing.
    pub(crate) fn sparse(
        &mut self,
        bits: u8,
        height: u16,
        rows: u32,
        columns: &[Vec<(u32, Vec<i32>)>],
    ) -> u32 {
        let (mut starts, mut firsts, mut blocks) = (vec![0u32], Vec::new(), Vec::new());
        for column in columns {
            for (first, weights) in column {
                firsts.push(*first);
                pack(weights.iter().map(|w| *w as u32), bits, &mut blocks);
            }
            starts.push(firsts.len() as u32);
        }
        let mut data: Vec<u8> = starts.iter().chain(&firsts).flat_map(|word| word.to_le_bytes()).collect();
        data.extend_from_slice(&blocks);
        let blob = Blob {
            encoding: Encoding::SparseBlocks,
            bits,
            flags: height,
            rows,
            columns: columns.len() as u32,
            values: NO_TABLE,
            types: NO_TABLE,
            type_count: 0,
            offset: 0,
            length: 0,
        };
        self.push_blob(blob, &data)
    }

    /// An encoder that takes `length` values of type `raw` into `edge` as they are, clipped to `lo..=hi`.
    pub(crate) fn identity(&mut self, raw: Codec, length: u32, edge: u32, (lo, hi): (i32, i32)) {
        let params = self.table(vec![1, 0, 0]);
        self.encoders.push(Encoder {
            raw,
            mapping: Mapping::Affine { shift: 0 },
            signals: 1,
            length,
            edge,
            channels: 1,
            inner: 1,
            params,
            order: NO_TABLE,
            lo,
            hi,
        });
    }

    pub(crate) fn elements(&self, access: u32) -> u32 {
        let access = &self.accesses[access as usize];
        let table = self.tables.get(access.table as usize).map_or(0, Vec::len);
        access.elements(table).unwrap()
    }

    fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        for instruction in &self.program {
            match *instruction {
                Instruction::Gather { access, first } => {
                    plan.inputs = plan.inputs.max(first + self.elements(access));
                }
                Instruction::Scatter { access, first, .. }
                | Instruction::Add { access, first, .. }
                | Instruction::Rate { access, first, .. } => {
                    plan.sums = plan.sums.max(first + self.elements(access));
                }
                Instruction::Invoke { config, .. } => {
                    plan.inputs = plan.inputs.max(self.configs[config as usize].rows);
                    plan.sums = plan.sums.max(self.configs[config as usize].columns);
                }
                Instruction::Reset(ResetTarget::State { first, words, .. }) => {
                    plan.state = plan.state.max(first + words);
                }
                _ => {}
            }
        }
        plan
    }

    /// The image.
    pub(crate) fn image(&self) -> Vec<u8> {
        let mut plan = self.plan();
        let mut at = plan.edges_at().unwrap();
        let mut sections: Vec<(Tag, Vec<u8>)> = Vec::new();
        let mut section = |tag, emit: &mut dyn FnMut(&mut Vec<u8>)| {
            let mut bytes = Vec::new();
            emit(&mut bytes);
            sections.push((tag, bytes));
        };
        fn sink(out: &mut Vec<u8>) -> impl FnMut(&[u8]) {
            |bytes: &[u8]| out.extend_from_slice(bytes)
        }
        section(Tag::CHIP, &mut |out| {
            ChipLimits { kind: 1, rows: 256, columns: 128, cores: 1000 }.emit(&mut sink(out));
        });
        section(Tag::EDGES, &mut |out| {
            for edge in &self.edges {
                Edge { ram_offset: at, ..*edge }.emit(&mut sink(out));
                at += edge.words().unwrap();
            }
        });
        let tables: Vec<Vec<u8>> =
            self.tables.iter().map(|table| table.iter().flat_map(|e| e.to_le_bytes()).collect()).collect();
        section(Tag::TABLES, &mut |out| {
            emit_list(&tables.iter().map(Vec::as_slice).collect::<Vec<_>>(), &mut sink(out));
        });
        let accesses: Vec<Vec<u8>> = self
            .accesses
            .iter()
            .map(|access| {
                let mut out = Vec::new();
                access.emit(&mut sink(&mut out));
                out
            })
            .collect();
        section(Tag::ACCESS, &mut |out| {
            emit_list(&accesses.iter().map(Vec::as_slice).collect::<Vec<_>>(), &mut sink(out));
        });
        section(Tag::BLOBS, &mut |out| self.blobs.iter().for_each(|blob| blob.emit(&mut sink(out))));
        section(Tag::CONFIGS, &mut |out| {
            self.configs.iter().for_each(|config| Config::Crossbar(*config).emit(&mut sink(out)));
        });
        section(Tag::PROGRAM, &mut |out| self.program.iter().for_each(|i| i.emit(&mut sink(out))));
        section(Tag::ENCODERS, &mut |out| self.encoders.iter().for_each(|e| e.emit(&mut sink(out))));
        section(Tag::WEIGHTS, &mut |out| out.extend_from_slice(&self.weights));
        plan.edges = at - plan.edges_at().unwrap();
        let sections: Vec<(Tag, &[u8])> =
            sections.iter().map(|(tag, bytes)| (*tag, bytes.as_slice())).collect();
        let mut image = vec![0; assembled_len(&sections)];
        assemble("test", 0, plan.words().unwrap(), &sections, &mut image).unwrap();
        image
    }
}

/// A perceptron of the given layer sizes on PRIME-like arrays of 256 rows and 128 columns, weights by chance. Sums of
/// several arrays are added, hidden layers end in a ReLU.
pub(crate) fn perceptron(sizes: &[u32], seed: u64) -> Vec<u8> {
    let mut rng = super::Rng(seed);
    let mut b = Builder::default();
    let input = b.edge(sizes[0], Codec::U8);
    b.identity(Codec::U8, sizes[0], input, (0, 63));
    let mut from = input;
    for (layer, pair) in sizes.windows(2).enumerate() {
        let last = layer + 2 == sizes.len();
        let to = b.edge(pair[1], if last { Codec::I16 } else { Codec::U8 });
        for column in (0..pair[1]).step_by(128) {
            let columns = 128.min(pair[1] - column);
            for row in (0..pair[0]).step_by(256) {
                let rows = 256.min(pair[0] - row);
                let weights: Vec<Vec<i32>> =
                    (0..columns).map(|_| (0..=rows).map(|_| rng.range(-255, 255) as i32).collect()).collect();
                let blob = b.sign_magnitude(8, &weights);
                let mut crossbar = prime(rows, columns, blob, 10);
                crossbar.bias_rows = 1;
                let finish = row + rows == pair[0];
                if finish && !last {
                    crossbar.activation = Activation::Relu;
                    (crossbar.out_lo, crossbar.out_hi) = (0, 63);
                }
                let config = b.config(crossbar);
                let gather = b.run(from, row, rows);
                b.program.push(Instruction::Gather { access: gather, first: 0 });
                b.program.push(Instruction::Invoke {
                    accumulate: row > 0,
                    finish,
                    config,
                    state: 0,
                    register: spandrel_core::image::NO_REGISTER,
                    stride: 0,
                });
            }
            let scatter = b.run(to, column, columns);
            let combine = spandrel_core::image::Combine::Set;
            b.program.push(Instruction::Scatter { combine, access: scatter, first: 0 });
        }
        from = to;
    }
    let emit = b.run(from, 0, sizes[sizes.len() - 1]);
    b.program.push(Instruction::Emit { output: 0, access: emit });
    b.image()
}

/// Placeholder blob of configurations without an array.
pub(crate) const NONE: u32 = NO_BLOB;
