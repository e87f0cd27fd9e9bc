//! One table: its entries, which of them were asked for, and what is said
//! about those that are absent, of the wrong type or unknown.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::doc::{Doc, Field};
use super::nearest::nearest;
use crate::error::{Rule, shorten};

/// One table of the description, and which of its fields were asked for.
pub(crate) struct Table<'d, 's> {
    pub(crate) doc: &'d Doc<'s>,
    pub(super) path: String,
    pub(super) span: Option<Range<usize>>,
    pub(super) entries: BTreeMap<&'d str, (Range<usize>, &'d Spanned<DeValue<'d>>)>,
    pub(super) known: Vec<&'static str>,
}

impl<'d, 's> Table<'d, 's> {
    pub(crate) fn new(
        doc: &'d Doc<'s>,
        path: String,
        span: Option<Range<usize>>,
        table: &'d DeTable<'d>,
    ) -> Self {
        let whole = |value: &Spanned<DeValue<'_>>| {
            !doc.broken
                || value.get_ref().is_table()
                || !(value.span().is_empty() || doc.is_broken(value.span().start))
        };
        let entries = table
            .iter()
            .filter(|(_, value)| whole(value))
            .map(|(key, value)| (key.get_ref().as_ref(), (key.span(), value)))
            .collect();
        Table { doc, path, span, entries, known: Vec::new() }
    }

    pub(super) fn join(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) }
    }

    /// The raw value of `name`, which from now on counts as known.
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.known.push(name);
        let value = self.entries.get(name).map(|(_, value)| *value);
        if value.is_some() {
            self.doc.paths.borrow_mut().insert(self.join(name));
        }
        value
    }

    /// The table has an entry of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    pub(super) fn missing(&self, name: &str, allowed: &str) {
        self.doc.paths.borrow_mut().insert(self.join(name));
        self.hide(name);
        if self.doc.broken {
            return;
        }
        let table = if self.path.is_empty() {
            "at the top of the file".to_string()
        } else {
            format!("to [{}]", self.path)
        };
        self.doc.push(
            Rule::Missing,
            &self.join(name),
            None,
            "this field must be stated",
            allowed,
            &format!("add `{name} = …` {table}"),
            self.span.clone(),
        );
    }

    /// A field that another one makes necessary is absent.
    pub(crate) fn absent(&self, name: &str, because: &str, allowed: &str) {
        if !self.doc.broken {
            let help = format!("add {} to [{}]", name, self.path);
            self.doc.push(Rule::Missing, &self.join(name), None, because, allowed, &help, self.span.clone());
        }
    }

    /// An error keeps what is inside `name` from being read.
    pub(crate) fn hide(&self, name: &str) {
        self.doc.hidden.borrow_mut().insert(self.join(name));
    }

    pub(super) fn wrong_type(&self, name: &str, value: &Spanned<DeValue<'_>>, wanted: &str, allowed: &str) {
        self.hide(name);
        self.doc.push(
            Rule::Type,
            &self.join(name),
            Some(show(value.get_ref())),
            &format!("the value must be {wanted}, not {}", article(value.get_ref().type_str())),
            allowed,
            &format!("write {wanted}"),
            Some(value.span()),
        );
    }

    pub(super) fn field<T>(&self, name: &str, value: &Spanned<DeValue<'_>>, read: T) -> Field<T> {
        let shown = show(value.get_ref());
        Field { value: read, path: self.join(name), shown, span: Some(value.span()) }
    }

    pub(super) fn default_field<T>(&self, name: &str, value: T, shown: String) -> Field<T> {
        self.doc.paths.borrow_mut().insert(self.join(name));
        let shown = format!("{shown} (the default)");
        Field { value, path: self.join(name), shown, span: self.span.clone() }
    }

    /// Lets these fields be without reading them, when an error elsewhere
    /// hides what they should hold.
    pub(crate) fn forgive(&mut self, names: &[&'static str]) {
        self.known.extend(names);
        names.iter().for_each(|name| self.hide(name));
    }

    /// Gives the table up: an error keeps its fields from being known.
    pub(crate) fn abandon(self) {
        self.doc.hidden.borrow_mut().insert(self.path);
    }

    /// Notes every field that nothing asked for. One that looks like a
    /// required field that is absent is one mistake and becomes one error.
    pub(crate) fn finish(self) {
        for (name, (span, value)) in &self.entries {
            if self.known.contains(name) {
                continue;
            }
            let absent = self.known.iter().copied().filter(|known| !self.has(known));
            let near = nearest(name, absent).or_else(|| nearest(name, self.known.iter().copied()));
            let help = match near {
                Some(near) if self.doc.forget_missing(&self.join(near)) => {
                    format!("did you mean `{near}`? It must be stated, and is absent")
                }
                Some(near) => format!("did you mean `{near}`?"),
                None => "remove it".to_string(),
            };
            let place = if self.path.is_empty() {
                "the top level has no such field".to_string()
            } else {
                format!("[{}] has no such field", self.path)
            };
            self.doc.push(
                Rule::UnknownField,
                &self.join(name),
                Some(show(value.get_ref())),
                &place,
                &self.known.join(", "),
                &help,
                Some(span.clone()),
            );
        }
    }
}

fn article(word: &str) -> String {
    let vowel = word.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {word}", if vowel { "an" } else { "a" })
}

/// A value as an error shows it.
fn show(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{}\"", shorten(text, 60)),
        DeValue::Integer(digits) => shorten(&digits.to_string(), 60),
        DeValue::Float(digits) => shorten(digits.as_str(), 60),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(items) => format!("a list of {}", items.len()),
        DeValue::Table(table) => format!("a table of {}", table.len()),
    }
}
