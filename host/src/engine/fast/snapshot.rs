//! A lane's state in the layout of the machine's memory, so that one and the same function digests it.

use super::memory::Memory;
use spandrel_core::{image::Image, machine::Snapshot};

/// Words laid out as the image's plan says. Only edges and state are kept up: a snapshot shows nothing else.
#[derive(Debug)]
pub(super) struct Ram(Vec<u32>);

impl Ram {
    pub(super) fn new(image: &Image<'_>) -> Self {
        Self(vec![0; image.header().ram_words as usize])
    }

    /// Copies the state of lane 0.
    pub(super) fn fill(&mut self, image: &Image<'_>, memory: &Memory) {
        let lanes = memory.lanes;
        let edges = (0..image.edge_count()).filter_map(|number| image.edge(number));
        for (edge, ring) in edges.zip(&memory.rings) {
            let mut word = edge.ram_offset as usize;
            if edge.slots > 1 {
                self.0[word] = ring.head as u32;
                word += 1;
            }
            let bits = edge.codec.bits();
            let words = edge.slot_words() as usize;
            for slot in 0..usize::from(edge.slots) {
                let target = &mut self.0[word..word + words];
                target.fill(0);
                for signal in 0..edge.length as usize {
                    let value = ring.data[(slot * edge.length as usize + signal) * lanes];
                    let bit = signal as u32 * bits;
                    target[(bit / 32) as usize] |= edge.codec.encode(value) << (bit % 32);
                }
                word += words;
            }
        }
        let first = image.plan().state_at().unwrap_or(0) as usize;
        for (word, values) in self.0[first..].iter_mut().zip(memory.state.chunks_exact(lanes)) {
            *word = values[0] as u32;
        }
    }

    pub(super) fn snapshot<'s, 'i>(&'s self, image: &'s Image<'i>) -> Snapshot<'i, 's> {
        Snapshot::new(image, &self.0)
    }
}
