//! Tensors whose data lies in other files beside the model: ONNX's `external_data`.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use super::MAX_FILE_LEN;
use super::onnx::TensorProto;
use crate::diagnostic::Diagnostic;

/// Where the files of external data lie, and how much of them may still be read.
#[derive(Debug)]
pub(crate) struct External {
    folder: Option<PathBuf>,
    left: Cell<u64>,
}

impl External {
    /// Files in `folder`; without one external data is refused.
    pub(crate) fn new(folder: Option<&Path>) -> Self {
        Self { folder: folder.map(Path::to_owned), left: Cell::new(MAX_FILE_LEN) }
    }

    /// Whether the data of `tensor` lies in another file.
    pub(crate) fn holds(tensor: &TensorProto) -> bool {
        tensor.data_location == 1 || !tensor.external_data.is_empty()
    }

    /// The `wanted` bytes of `tensor`; `place` names it in errors.
    pub(crate) fn read(&self, tensor: &TensorProto, wanted: u64, place: &str) -> Result<Vec<u8>, Diagnostic> {
        let entry = |key: &str| {
            tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
        };
        let location = entry("location").unwrap_or_default();
        let fault = |rule: String, way_out: &str| Diagnostic::error("SP0114", place, rule, way_out);
        let number = |key: &str| match entry(key).map(str::parse::<u64>) {
            None => Ok(None),
            Some(Ok(number)) => Ok(Some(number)),
            Some(Err(_)) => {
                let rule =
                    format!("the {key} {:?} of its data is not a number", entry(key).unwrap_or_default());
                Err(fault(rule, "export the model again"))
            }
        };
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let path = self.path(location, place)?;
        let shown = path.display();
        let found = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
        let (data, mut file) = match found {
            Ok((data, file)) if data.is_file() => (data, file),
            Ok(_) => {
                let rule = format!("its data is said to lie in {shown}, which is not a file");
                return Err(fault(rule, "export the model again"));
            }
            Err(error) => {
                let rule = format!("its data lies in {shown}, which can not be read: {error}");
                return Err(fault(rule, "put the data file where the model says, beside the model"));
            }
        };
        let there = data.len().saturating_sub(offset);
        let length = length.unwrap_or(there);
        if length != wanted {
            let rule = format!("its shape needs {wanted} bytes, {shown} holds {length} for it");
            return Err(Diagnostic::error("SP0109", place, rule, "export the model again"));
        }
        if there < wanted {
            let rule = format!(
                "its data are {wanted} bytes from byte {offset} on, {shown} has {} bytes",
                data.len()
            );
            return Err(fault(rule, "the data file is incomplete or another model's: copy it again"));
        }
        let Some(left) = self.left.get().checked_sub(wanted) else {
            let rule = "the tensors take more than 2 GiB of the model's data files";
            return Err(Diagnostic::error("SP0115", place, rule, "use a smaller network"));
        };
        self.left.set(left);
        let mut bytes = Vec::new();
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.take(wanted).read_to_end(&mut bytes));
        match read {
            Ok(read) if read as u64 == wanted => Ok(bytes),
            Ok(read) => {
                Err(fault(format!("{shown} ends after {read} of {wanted} bytes"), "copy the data file again"))
            }
            Err(error) => {
                let rule = format!("its data lies in {shown}, which can not be read: {error}");
                Err(fault(rule, "copy the data file again"))
            }
        }
    }

    /// The file `location` in the folder; refused when it may lie outside.
    fn path(&self, location: &str, place: &str) -> Result<PathBuf, Diagnostic> {
        let fault = |rule: String, way_out: &str| Err(Diagnostic::error("SP0114", place, rule, way_out));
        let Some(folder) = &self.folder else {
            let rule = format!(
                "the tensor's data lies in the file {location:?}, and the model came without a folder"
            );
            let way_out =
                "save the model with all tensors inside: onnx.save(model, path, save_as_external_data=False)";
            return fault(rule, way_out);
        };
        let inside = |component: Component<'_>| matches!(component, Component::Normal(_) | Component::CurDir);
        let way_out =
            "keep data files in the model's folder: onnx.save(model, path, location=\"weights.data\")";
        if location.is_empty()
            || location.contains(['\0', '\\'])
            || !Path::new(location).components().all(inside)
        {
            let rule =
                format!("its data is said to lie in {location:?}, which is no file in the model's folder");
            return fault(rule, way_out);
        }
        let path = folder.join(location);
        // A link may lead outside, too.
        match (folder.canonicalize(), path.canonicalize()) {
            (Ok(folder), Ok(real)) if !real.starts_with(&folder) => fault(
                format!("its data is said to lie in {location:?}, a link out of the model's folder"),
                way_out,
            ),
            _ => Ok(path),
        }
    }
}
