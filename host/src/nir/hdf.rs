//! An HDF5 file as a tree in memory: groups by name, arrays of numbers, texts.
//!
//! The files of this field are small (weights of one network), so everything is read at once, under limits that a damaged
//! file can not get around: the declared sizes are added up before any of them is allocated. Names are in ascending order,
//! whatever order the file keeps them in.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use hdf5_pure::{DType, Dataset, File, Group};

use crate::diagnostic::{Diagnostic, Result};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 30;
/// The most array elements in all of a file.
const MAX_ELEMENTS: usize = 1 << 27;
/// The most groups and arrays.
const MAX_OBJECTS: usize = 1 << 16;
/// How deep groups may nest.
const MAX_DEPTH: usize = 24;

/// A group or an array.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    /// What a group holds, by name.
    Group(Tree),
    /// Numbers, widened to double precision; truths are 0 and 1. The shape is empty for a single number.
    Numbers { shape: Vec<usize>, data: Vec<f64> },
    /// Texts; the shape is empty for a single one.
    Texts { shape: Vec<usize>, data: Vec<String> },
    /// Something else, with its type's name.
    Other(String),
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tree(pub(crate) BTreeMap<String, Item>);

impl Tree {
    /// Reads a file.
    ///
    /// # Errors
    /// SP0001 and SP0003 for the file, SP0130 where it is no HDF5 file, is damaged, or holds more than the limits.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| Diagnostic::read(path, &error);
        let length = std::fs::metadata(path).map_err(failed)?.len();
        let place = path.display().to_string();
        if length > MAX_FILE {
            let rule = format!("the file has {length} bytes; at most {MAX_FILE} are read");
            return Err(
                Diagnostic::error("SP0003", place, rule, "export the network without recordings").into()
            );
        }
        Self::parse_named(std::fs::read(path).map_err(failed)?, &place)
    }

    /// The tree in `bytes`; `name` stands for them in the errors.
    ///
    /// # Errors
    /// SP0130 where they are no HDF5 file, damaged, or hold more than the limits.
    pub(crate) fn parse_named(bytes: Vec<u8>, name: &str) -> Result<Self> {
        Self::parse(bytes).map_err(|rule| {
            let way_out = "export the network again; NIR and lava-dl write HDF5 files";
            Diagnostic::error("SP0130", name, rule, way_out).into()
        })
    }

    /// The tree in `bytes`, or what is wrong with them.
    pub(crate) fn parse(bytes: Vec<u8>) -> std::result::Result<Self, String> {
        if !hdf5_pure::is_hdf5_bytes(&bytes) {
            return Err("the file is not an HDF5 file".into());
        }
        // The library promises errors; should it break that promise on a damaged file, that is one more damaged file.
        catch_unwind(AssertUnwindSafe(|| {
            let file = File::from_bytes(bytes).map_err(damaged)?;
            let mut room = Room { elements: MAX_ELEMENTS, objects: MAX_OBJECTS };
            group(&file.root(), 0, &mut room)
        }))
        .unwrap_or_else(|_| Err("the HDF5 structure is damaged".into()))
    }

    /// The item called `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&Item> {
        self.0.get(name)
    }

    /// The group called `name`.
    pub(crate) fn group(&self, name: &str) -> Option<&Tree> {
        if let Some(Item::Group(tree)) = self.get(name) { Some(tree) } else { None }
    }

    /// The first text called `name`.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Item::Texts { data, .. }) => data.first().map(String::as_str),
            _ => None,
        }
    }
}

/// What may still be read.
struct Room {
    elements: usize,
    objects: usize,
}

fn damaged(error: impl std::fmt::Display) -> String {
    format!("the HDF5 structure is damaged: {error}")
}

fn group(group: &Group, depth: usize, room: &mut Room) -> std::result::Result<Tree, String> {
    if depth > MAX_DEPTH {
        return Err(format!("groups nest more than {MAX_DEPTH} deep"));
    }
    let mut tree = Tree::default();
    for name in group.datasets().map_err(damaged)? {
        count(room)?;
        let item = array(&group.dataset(&name).map_err(damaged)?, &name, room)?;
        tree.0.insert(name, item);
    }
    for name in group.groups().map_err(damaged)? {
        count(room)?;
        let inner = self::group(&group.group(&name).map_err(damaged)?, depth + 1, room)?;
        tree.0.insert(name, Item::Group(inner));
    }
    Ok(tree)
}

fn count(room: &mut Room) -> std::result::Result<(), String> {
    room.objects =
        room.objects.checked_sub(1).ok_or_else(|| format!("more than {MAX_OBJECTS} groups and arrays"))?;
    Ok(())
}

fn array(dataset: &Dataset, name: &str, room: &mut Room) -> std::result::Result<Item, String> {
    let sizes = dataset.shape().map_err(damaged)?;
    let shape: Vec<usize> = sizes.iter().map(|&n| usize::try_from(n).unwrap_or(usize::MAX)).collect();
    let elements = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
    room.elements = elements
        .and_then(|n| room.elements.checked_sub(n))
        .ok_or_else(|| format!("array `{name}`: more than {MAX_ELEMENTS} elements in all"))?;
    let kind = dataset.dtype().map_err(damaged)?;
    match kind {
        DType::String | DType::VariableLengthString => {
            let options = hdf5_pure::VlenStringReadOptions::new()
                .with_max_elements(MAX_OBJECTS)
                .with_max_payload_bytes(1 << 24);
            let fixed = matches!(kind, DType::String);
            let data = if fixed { dataset.read_string() } else { dataset.read_vlen_strings(options) };
            Ok(Item::Texts { shape, data: data.map_err(damaged)? })
        }
        // h5py writes truths as an enumeration of bytes.
        DType::Enum(_) => {
            let raw = dataset.read_raw().map_err(damaged)?;
            if Some(raw.len()) != elements {
                return Ok(Item::Other(kind.to_string()));
            }
            Ok(Item::Numbers { shape, data: raw.into_iter().map(|b| f64::from(b as i8)).collect() })
        }
        DType::F32 | DType::F64 | DType::I8 | DType::I16 | DType::I32 | DType::I64 | DType::U8 => {
            numbers(dataset, shape, elements)
        }
        DType::U16 | DType::U32 | DType::U64 => numbers(dataset, shape, elements),
        other => Ok(Item::Other(other.to_string())),
    }
}

fn numbers(
    dataset: &Dataset,
    shape: Vec<usize>,
    elements: Option<usize>,
) -> std::result::Result<Item, String> {
    let data = dataset.read_f64().map_err(damaged)?;
    if Some(data.len()) != elements {
        return Err(format!("{} elements where the shape {shape:?} tells of others", data.len()));
    }
    Ok(Item::Numbers { shape, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut builder = hdf5_pure::FileBuilder::new();
        builder.create_dataset("x").with_f32_data(&[1.5, -2.0]);
        let mut inner = builder.create_group("node");
        inner.create_dataset("n").with_i64_data(&[7]);
        builder.add_group(inner.finish());
        builder.finish().unwrap()
    }

    #[test]
    fn reads_numbers_and_groups() {
        let tree = Tree::parse(sample()).unwrap();
        assert_eq!(tree.get("x"), Some(&Item::Numbers { shape: vec![2], data: vec![1.5, -2.0] }));
        assert_eq!(
            tree.group("node").and_then(|t| t.get("n")),
            Some(&Item::Numbers { shape: vec![1], data: vec![7.0] })
        );
    }

    /// Any truncation and many flips: an error or a tree, never a panic that gets out.
    #[test]
    fn damage_is_an_error_or_harmless() {
        let whole = sample();
        assert_eq!(Tree::parse(b"not HDF5".to_vec()), Err("the file is not an HDF5 file".to_owned()));
        let mut errors = 0;
        for at in (0..whole.len()).step_by(7) {
            let mut cut = whole.clone();
            cut.truncate(at);
            errors += usize::from(Tree::parse(cut).is_err());
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            errors += usize::from(Tree::parse(flipped).is_err());
        }
        assert!(errors > whole.len() / 14, "{errors}");
    }
}
