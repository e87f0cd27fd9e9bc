//! The generated part of a document: what stands between a task's mark and the end mark.

use std::fs;

use crate::process::{Result, root};

/// What ends every generated part.
const END: &str = "<!-- end -->";

/// Puts `text` behind the mark `begin` of the document `name` (from the repository's root), up to the end mark.
pub(crate) fn replace(name: &str, begin: &str, text: &str) -> Result<()> {
    let file = root().join(name);
    let old = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let new = replaced(name, &old, begin, text)?;
    fs::write(&file, new).map_err(|error| format!("{}: {error}", file.display()))
}

fn replaced(name: &str, old: &str, begin: &str, text: &str) -> Result<String> {
    let (before, rest) = old.split_once(begin).ok_or_else(|| format!("{name} has no generated part"))?;
    let (_, after) =
        rest.split_once(END).ok_or_else(|| format!("{name} has no end of its generated part"))?;
    Ok(format!("{before}{begin}\n{text}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let old = "a\n<!-- b -->\nold\n<!-- end -->\nc\n";
        let new = replaced("d", old, "<!-- b -->", "new\n");
        assert_eq!(new.as_deref(), Ok("a\n<!-- b -->\nnew\n\n<!-- end -->\nc\n"));
        assert!(replaced("d", old, "<!-- e -->", "").is_err_and(|text| text.contains("no generated part")));
        assert!(replaced("d", "<!-- b -->", "<!-- b -->", "").is_err_and(|text| text.contains("no end")));
    }
}
