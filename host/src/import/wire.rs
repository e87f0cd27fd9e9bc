//! A walk over protocol buffer bytes before they are decoded. A message of two bytes decodes into a structure of
//! some hundred; counting the messages first keeps the memory for a hostile file in proportion to its length.

/// Which fields of a message hold further messages.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Type,
    Leaf,
}

impl Kind {
    fn of_field(self, field: u64) -> Kind {
        match (self, field) {
            (Kind::Model, 7) => Kind::Graph,
            (Kind::Graph, 1) => Kind::Node,
            (Kind::Graph, 5) | (Kind::Attribute, 5) => Kind::Tensor,
            (Kind::Graph, 11 | 12 | 15) => Kind::Type,
            (Kind::Node, 5) => Kind::Attribute,
            (Kind::Attribute, 6) => Kind::Graph,
            // Types nest value > type > tensor type > shape > dimension; every field of theirs may be a message.
            (Kind::Type, 1 | 2) => Kind::Type,
            _ => Kind::Leaf,
        }
    }
}

/// Whether `bytes`, a model, hold at most `most` messages, strings and byte sequences that are decoded. Bytes that
/// are not well-formed are left for the decoder to refuse.
pub(crate) fn has_at_most(bytes: &[u8], most: usize) -> bool {
    let mut left = most;
    count(bytes, Kind::Model, 0, &mut left).is_some()
}

/// `None` when the budget is used up.
fn count(mut bytes: &[u8], kind: Kind, depth: usize, left: &mut usize) -> Option<()> {
    const DEEPEST: usize = 100;
    while !bytes.is_empty() && depth < DEEPEST {
        let Some(key) = varint(&mut bytes) else { return Some(()) };
        let length = match key & 7 {
            0 => {
                if varint(&mut bytes).is_none() {
                    return Some(());
                }
                0
            }
            1 => 8,
            2 => match varint(&mut bytes).and_then(|n| usize::try_from(n).ok()) {
                Some(n) => n,
                None => return Some(()),
            },
            5 => 4,
            _ => return Some(()),
        };
        let Some((field, rest)) = bytes.split_at_checked(length) else { return Some(()) };
        bytes = rest;
        if key & 7 == 2 {
            *left = left.checked_sub(1)?;
            let inner = kind.of_field(key >> 3);
            if !matches!(inner, Kind::Leaf) {
                count(field, inner, depth + 1, left)?;
            }
        }
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_counted_through_the_graph() {
        // A model whose graph (field 7) holds three empty nodes (field 1): four messages.
        let bytes = [0x3a, 6, 0x0a, 0, 0x0a, 0, 0x0a, 0];
        assert!(has_at_most(&bytes, 4));
        assert!(!has_at_most(&bytes, 3));
    }

    #[test]
    fn malformed_bytes_end_the_walk() {
        for bytes in [&[0x3a, 200][..], &[0xff; 30], &[0x3b], &[0x08]] {
            assert!(has_at_most(bytes, 10));
        }
    }
}
