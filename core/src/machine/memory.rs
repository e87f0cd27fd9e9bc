//! Signals within the lent words.

use crate::image::Edge;

/// Word and bit at which a slot's signal begins; `None` outside the edge.
fn place(edge: &Edge, slot: u32, signal: u32) -> Option<(usize, u32)> {
    if signal >= edge.length {
        return None;
    }
    // Parsing bounds the length to 2^26, so the bit number fits 32 bits.
    let bit = signal.checked_mul(edge.codec.bits())?;
    let first = edge.ram_offset.checked_add(u32::from(edge.slots > 1))?;
    let word = first.checked_add(slot.checked_mul(edge.slot_words())?)?.checked_add(bit / 32)?;
    Some((usize::try_from(word).ok()?, bit % 32))
}

/// The slot that was written `age` ticks ago.
pub(crate) fn slot(ram: &[u32], edge: &Edge, age: u16) -> u32 {
    let slots = u32::from(edge.slots);
    if slots <= 1 {
        return 0;
    }
    let head = ram.get(edge.ram_offset as usize).copied().unwrap_or(0);
    // The head lies below `slots` unless the memory was damaged; the remainder keeps even that inside.
    (head % slots + slots - u32::from(age) % slots) % slots
}

/// The value of a signal.
pub(crate) fn read(ram: &[u32], edge: &Edge, slot: u32, signal: u32) -> Option<i32> {
    let (word, bit) = place(edge, slot, signal)?;
    Some(edge.codec.decode(ram.get(word)? >> bit))
}

/// Stores `value`, saturated to the edge's codec.
pub(crate) fn write(ram: &mut [u32], edge: &Edge, slot: u32, signal: u32, value: i32) -> Option<()> {
    let (word, bit) = place(edge, slot, signal)?;
    let word = ram.get_mut(word)?;
    let mask = edge.codec.encode(-1) | edge.codec.encode(i32::MAX) | edge.codec.encode(i32::MIN);
    *word = (*word & !(mask << bit)) | edge.codec.encode(value) << bit;
    Some(())
}

/// Fills a slot with the reset code.
pub(crate) fn clear(ram: &mut [u32], edge: &Edge, slot: u32) -> Option<()> {
    let (first, _) = place(edge, slot, 0)?;
    let mut word = 0u32;
    let mut bit = 0;
    while bit < 32 {
        word |= edge.codec.encode(edge.reset) << bit;
        bit += edge.codec.bits();
    }
    ram.get_mut(first..first.checked_add(edge.slot_words() as usize)?)?.fill(word);
    Some(())
}

/// Puts the head of a ring back and fills every slot with the reset code.
pub(crate) fn reset(ram: &mut [u32], edge: &Edge) -> Option<()> {
    if edge.slots > 1 {
        *ram.get_mut(edge.ram_offset as usize)? = 0;
    }
    for slot in 0..u32::from(edge.slots) {
        clear(ram, edge, slot)?;
    }
    Some(())
}

/// Turns a ring by one slot.
pub(crate) fn turn(ram: &mut [u32], edge: &Edge) -> Option<()> {
    if edge.slots > 1 {
        let head = ram.get_mut(edge.ram_offset as usize)?;
        *head = (*head % u32::from(edge.slots) + 1) % u32::from(edge.slots);
    }
    if edge.clear_on_tick {
        let head = slot(ram, edge, 0);
        clear(ram, edge, head)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{read, reset, slot, turn, write};
    use crate::image::{Codec, Edge};

    #[test]
    fn every_codec_keeps_its_neighbours() {
        for codec in [Codec::Bit, Codec::U8, Codec::I8, Codec::I16, Codec::I32] {
            let edge = Edge { length: 40, codec, clear_on_tick: false, slots: 1, reset: 0, ram_offset: 1 };
            let mut ram = [0xAAAA_AAAAu32; 64];
            reset(&mut ram, &edge).unwrap();
            let (lo, hi) = codec.range();
            write(&mut ram, &edge, 0, 7, i32::MAX).unwrap();
            write(&mut ram, &edge, 0, 9, i32::MIN).unwrap();
            assert_eq!(read(&ram, &edge, 0, 7), Some(hi), "{codec:?}");
            assert_eq!(read(&ram, &edge, 0, 8), Some(0), "{codec:?}");
            assert_eq!(read(&ram, &edge, 0, 9), Some(lo), "{codec:?}");
            assert_eq!(read(&ram, &edge, 0, 40), None);
            assert_eq!(ram[0], 0xAAAA_AAAA);
            assert_eq!(ram[1 + edge.slot_words() as usize], 0xAAAA_AAAA);
        }
    }

    #[test]
    fn a_ring_shows_what_was_written_before() {
        let edge =
            Edge { length: 3, codec: Codec::I8, clear_on_tick: true, slots: 3, reset: -1, ram_offset: 0 };
        let mut ram = [0u32; 4];
        reset(&mut ram, &edge).unwrap();
        for value in 1..=5 {
            let head = slot(&ram, &edge, 0);
            write(&mut ram, &edge, head, 1, value).unwrap();
            turn(&mut ram, &edge).unwrap();
        }
        assert_eq!(read(&ram, &edge, slot(&ram, &edge, 0), 1), Some(-1));
        assert_eq!(read(&ram, &edge, slot(&ram, &edge, 1), 1), Some(5));
        assert_eq!(read(&ram, &edge, slot(&ram, &edge, 2), 1), Some(4));
    }
}
