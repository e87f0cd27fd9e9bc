//! A lenient reader over the TOML tree: it takes what it can, and notes every
//! broken rule instead of stopping at the first. (Plain deserialisation would
//! stop at the first wrong type.)

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use crate::error::{DescError, Place, Rule, shorten};
use crate::units::Limit;

/// Errors beyond this number are counted, not kept.
const MAX_ERRORS: usize = 64;
/// Longest list in a description.
const MAX_LIST: usize = 64;
/// Longest text in a description, in characters.
const MAX_TEXT: usize = 2000;

/// What is shared by all tables of one file: errors so far, and paths that exist.
pub(crate) struct Doc<'s> {
    text: &'s str,
    file: &'s str,
    /// The text had syntax errors, so fields may be absent only by accident.
    broken: bool,
    /// Lines with syntax errors, as byte ranges: what stands there is not read,
    /// since the parser makes values up to carry on.
    broken_lines: RefCell<Vec<Range<usize>>>,
    errors: RefCell<Vec<DescError>>,
    dropped: Cell<usize>,
    /// Fields that exist, or were asked for and are wrongly absent.
    paths: RefCell<BTreeSet<String>>,
    /// Tables that an error kept from being read: their fields are not known.
    hidden: RefCell<BTreeSet<String>>,
}

/// A value that was read, with what an error about it needs.
#[derive(Clone)]
pub(crate) struct Field<T> {
    pub(crate) value: T,
    pub(crate) path: String,
    shown: String,
    span: Option<Range<usize>>,
}

impl<'s> Doc<'s> {
    pub(crate) fn new(text: &'s str, file: &'s str, broken: bool) -> Self {
        Doc {
            broken_lines: RefCell::default(),
            text,
            file,
            broken,
            errors: RefCell::default(),
            dropped: Cell::new(0),
            paths: RefCell::default(),
            hidden: RefCell::default(),
        }
    }

    fn place(&self, span: Option<Range<usize>>) -> Option<Place> {
        let bytes = span?;
        let before = self.text.get(..bytes.start)?;
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Some(Place { bytes, line, column })
    }

    #[allow(clippy::too_many_arguments)]
    fn push(
        &self,
        rule: Rule,
        path: &str,
        found: Option<String>,
        because: &str,
        allowed: &str,
        help: &str,
        span: Option<Range<usize>>,
    ) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() == MAX_ERRORS {
            self.dropped.set(self.dropped.get() + 1);
            return;
        }
        errors.push(DescError {
            rule,
            file: self.file.to_string(),
            path: shorten(path, 120),
            found,
            because: because.to_string(),
            allowed: allowed.to_string(),
            help: help.to_string(),
            place: self.place(span),
        });
    }

    /// The text is not TOML at `span`. Only the first error of a line is kept.
    pub(crate) fn syntax(&self, message: &str, span: Option<Range<usize>>) {
        if let Some(span) = &span {
            if self.is_broken(span.start) {
                return;
            }
            let start = self.text.get(..span.start).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
            let length = self.text.get(span.start..).and_then(|t| t.find('\n'));
            let end = length.map_or(self.text.len(), |length| span.start + length);
            self.broken_lines.borrow_mut().push(start..end + 1);
        }
        let found = span.clone().and_then(|s| self.text.get(s)).filter(|s| !s.trim().is_empty());
        self.push(
            Rule::Syntax,
            "",
            found.map(|s| shorten(s, 60)),
            &format!("the file must be TOML: {}", shorten(message, 200)),
            "",
            "correct this line; fields that seem missing because of it are not reported",
            span,
        );
    }

    fn is_broken(&self, at: usize) -> bool {
        self.broken_lines.borrow().iter().any(|line| line.contains(&at))
    }

    /// `field` broke a rule that involves another field.
    pub(crate) fn contradiction<T>(&self, field: &Field<T>, because: &str, allowed: &str, help: &str) {
        let (found, span) = (Some(field.shown.clone()), field.span.clone());
        self.push(Rule::Contradiction, &field.path, found, because, allowed, help, span);
    }

    /// `field` is not in its range, for a rule the reader does not know.
    pub(crate) fn range<T>(&self, field: &Field<T>, because: &str, allowed: &str, help: &str) {
        let (found, span) = (Some(field.shown.clone()), field.span.clone());
        self.push(Rule::Range, &field.path, found, because, allowed, help, span);
    }

    /// A `[sources]` entry is wrong.
    pub(crate) fn source<T>(&self, field: &Field<T>, because: &str, allowed: &str, help: &str) {
        let (found, span) = (Some(field.shown.clone()), field.span.clone());
        self.push(Rule::Source, &field.path, found, because, allowed, help, span);
    }

    /// Is there a value or table at this dotted path, or may there be one that
    /// another error hides?
    pub(crate) fn may_have_path(&self, path: &str) -> bool {
        let hidden = self.hidden.borrow();
        let inside =
            |table: &String| path.strip_prefix(table.as_str()).is_some_and(|rest| rest.starts_with('.'));
        self.broken
            || self.paths.borrow().contains(path)
            || hidden.contains(path)
            || hidden.iter().any(inside)
    }

    /// Takes the error back that `path` is missing, if there is one.
    fn forget_missing(&self, path: &str) -> bool {
        let mut errors = self.errors.borrow_mut();
        let before = errors.len();
        errors.retain(|e| !(e.rule == Rule::Missing && e.path == path));
        errors.len() < before
    }

    /// Further errors would only be counted.
    pub(crate) fn is_full(&self) -> bool {
        self.errors.borrow().len() >= MAX_ERRORS
    }

    /// The existing path nearest to `path`.
    pub(crate) fn nearest_path(&self, path: &str) -> Option<String> {
        let paths = self.paths.borrow();
        nearest(path, paths.iter().map(String::as_str)).map(str::to_string)
    }

    /// All errors in the order of the text, those without a place last.
    pub(crate) fn into_errors(self) -> Vec<DescError> {
        let dropped = self.dropped.get();
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|e| e.place.as_ref().map_or(usize::MAX, |p| p.bytes.start));
        if dropped > 0 {
            errors.push(DescError {
                rule: Rule::TooMany,
                file: self.file.to_string(),
                path: String::new(),
                found: Some(format!("{dropped} more errors")),
                because: format!("at most {MAX_ERRORS} errors are listed"),
                allowed: String::new(),
                help: "correct those above first".to_string(),
                place: None,
            });
        }
        errors
    }
}

/// One table of the description, and which of its fields were asked for.
pub(crate) struct Table<'d, 's> {
    pub(crate) doc: &'d Doc<'s>,
    path: String,
    span: Option<Range<usize>>,
    entries: BTreeMap<&'d str, (Range<usize>, &'d Spanned<DeValue<'d>>)>,
    known: Vec<&'static str>,
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

    fn join(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) }
    }

    /// The raw value of `name`, which from now on counts as known.
    fn take(&mut self, name: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
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

    fn missing(&self, name: &str, allowed: &str) {
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

    fn wrong_type(&self, name: &str, value: &Spanned<DeValue<'_>>, wanted: &str, allowed: &str) {
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

    fn field<T>(&self, name: &str, value: &Spanned<DeValue<'_>>, read: T) -> Field<T> {
        let shown = show(value.get_ref());
        Field { value: read, path: self.join(name), shown, span: Some(value.span()) }
    }

    fn default_field<T>(&self, name: &str, value: T, shown: String) -> Field<T> {
        self.doc.paths.borrow_mut().insert(self.join(name));
        let shown = format!("{shown} (the default)");
        Field { value, path: self.join(name), shown, span: self.span.clone() }
    }

    fn integer(
        &mut self,
        name: &'static str,
        value: &'d Spanned<DeValue<'d>>,
        range: &RangeInclusive<i64>,
        allowed: &str,
    ) -> Option<Field<i64>> {
        let DeValue::Integer(digits) = value.get_ref() else {
            self.wrong_type(name, value, "an integer", allowed);
            return None;
        };
        match parse_integer(digits) {
            Some(number) if range.contains(&number) => Some(self.field(name, value, number)),
            _ => {
                let field = self.field(name, value, ());
                let help = format!("set {} to a value in this range", field.path);
                self.doc.range(&field, "the value must be in its range", allowed, &help);
                None
            }
        }
    }

    /// A required signed integer.
    pub(crate) fn signed(&mut self, name: &'static str, range: RangeInclusive<i64>) -> Option<Field<i64>> {
        let allowed = show_range(&range);
        match self.take(name) {
            Some(value) => self.integer(name, value, &range, &allowed),
            None => {
                self.missing(name, &allowed);
                None
            }
        }
    }

    /// A required count or width.
    pub(crate) fn int(&mut self, name: &'static str, range: RangeInclusive<u32>) -> Option<Field<u32>> {
        self.signed(name, widen(range)).map(narrow)
    }

    /// A count or width with a default.
    pub(crate) fn int_or(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u32>,
        default: u32,
    ) -> Option<Field<u32>> {
        if self.has(name) {
            return self.int(name, range);
        }
        self.known.push(name);
        Some(self.default_field(name, default, default.to_string()))
    }

    /// An optional count: the outer `None` is an error, the inner an absence.
    pub(crate) fn int_opt(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u32>,
    ) -> Option<Option<Field<u32>>> {
        if self.has(name) {
            return self.int(name, range).map(Some);
        }
        self.known.push(name);
        Some(None)
    }

    /// An integer of at least 1, or `"unlimited"`.
    pub(crate) fn limit(&mut self, name: &'static str) -> Option<Field<Limit>> {
        let allowed = "1..=4294967295 or \"unlimited\"";
        let Some(value) = self.take(name) else {
            self.missing(name, allowed);
            return None;
        };
        match value.get_ref() {
            DeValue::String(word) if word.as_ref() == "unlimited" => {
                Some(self.field(name, value, Limit::Unlimited))
            }
            DeValue::Integer(_) => {
                let field = self.integer(name, value, &(1..=i64::from(u32::MAX)), allowed)?;
                let most = u32::try_from(field.value).ok()?;
                Some(self.field(name, value, Limit::AtMost(most)))
            }
            _ => {
                self.wrong_type(name, value, "an integer or \"unlimited\"", allowed);
                None
            }
        }
    }

    /// `true` or `false`; without a default it is required.
    pub(crate) fn flag(&mut self, name: &'static str, default: Option<bool>) -> Option<Field<bool>> {
        let allowed = "true or false";
        match (self.take(name), default) {
            (Some(value), _) => match value.get_ref() {
                DeValue::Boolean(flag) => Some(self.field(name, value, *flag)),
                _ => {
                    self.wrong_type(name, value, "a boolean", allowed);
                    None
                }
            },
            (None, Some(default)) => Some(self.default_field(name, default, default.to_string())),
            (None, None) => {
                self.missing(name, allowed);
                None
            }
        }
    }

    /// One word of a fixed set; without a default it is required.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&'static str, T)],
        default: Option<&'static str>,
    ) -> Option<Field<T>> {
        let allowed = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        let Some(value) = self.take(name) else {
            if let Some(default) = default {
                let found = words.iter().find(|(word, _)| *word == default)?;
                return Some(self.default_field(name, found.1, format!("\"{default}\"")));
            }
            self.missing(name, &allowed);
            return None;
        };
        let DeValue::String(word) = value.get_ref() else {
            self.wrong_type(name, value, "a string", &allowed);
            return None;
        };
        if let Some((_, found)) = words.iter().find(|(known, _)| *known == word.as_ref()) {
            return Some(self.field(name, value, *found));
        }
        let near = nearest(word, words.iter().map(|(word, _)| *word));
        let help = match near {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "choose one of these".to_string(),
        };
        self.doc.range(&self.field(name, value, ()), "the word must be one of a fixed set", &allowed, &help);
        None
    }

    /// A list of words of a fixed set, without repetition.
    pub(crate) fn choices<T: Copy + PartialEq>(
        &mut self,
        name: &'static str,
        words: &[(&'static str, T)],
    ) -> Option<Field<Vec<T>>> {
        let set = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        let allowed = format!("a list of {set}, each at most once");
        let Some(value) = self.take(name) else {
            self.missing(name, &allowed);
            return None;
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(name, value, "a list of strings", &allowed);
            return None;
        };
        let mut read = Vec::new();
        for (index, item) in items.iter().take(MAX_LIST).enumerate() {
            let known =
                item.get_ref().as_str().and_then(|word| words.iter().find(|(known, _)| *known == word));
            match known {
                Some((_, found)) if !read.contains(found) => read.push(*found),
                _ => {
                    let field = self.field(&format!("{name}.{index}"), item, ());
                    let help = format!("write only words of the set in {}, each once", self.join(name));
                    self.doc.range(&field, "each word must be of a fixed set, once", &allowed, &help);
                    return None;
                }
            }
        }
        Some(self.field(name, value, read))
    }

    /// A text; without a default it is required.
    pub(crate) fn text(
        &mut self,
        name: &'static str,
        default: Option<&'static str>,
    ) -> Option<Field<String>> {
        let allowed = format!("a string of at most {MAX_TEXT} characters");
        match (self.take(name), default) {
            (Some(value), _) => match value.get_ref() {
                DeValue::String(text) if text.chars().count() <= MAX_TEXT => {
                    Some(self.field(name, value, text.to_string()))
                }
                DeValue::String(_) => {
                    let field = self.field(name, value, ());
                    self.doc.range(&field, "the text must not be this long", &allowed, "shorten it");
                    None
                }
                _ => {
                    self.wrong_type(name, value, "a string", &allowed);
                    None
                }
            },
            (None, Some(default)) => {
                let shown = format!("\"{default}\"");
                Some(self.default_field(name, default.to_string(), shown))
            }
            (None, None) => {
                self.missing(name, &allowed);
                None
            }
        }
    }

    /// An optional finite number of at least 0: the outer `None` is an error.
    pub(crate) fn amount_opt(&mut self, name: &'static str) -> Option<Option<f64>> {
        let Some(value) = self.take(name) else { return Some(None) };
        let allowed = "a finite number, 0 or more";
        let number = match value.get_ref() {
            DeValue::Float(digits) => digits.as_str().parse::<f64>().ok(),
            DeValue::Integer(digits) => parse_integer(digits).map(|n| n as f64),
            _ => {
                self.wrong_type(name, value, "a number", allowed);
                return None;
            }
        };
        match number {
            Some(number) if number.is_finite() && number >= 0.0 => Some(Some(number)),
            _ => {
                let field = self.field(name, value, ());
                self.doc.range(
                    &field,
                    "the value must be a finite amount",
                    allowed,
                    "write the amount, or leave the field out",
                );
                None
            }
        }
    }

    /// An optional sub-table: the outer `None` is an error.
    pub(crate) fn table_opt(&mut self, name: &'static str) -> Option<Option<Table<'d, 's>>> {
        let Some(value) = self.take(name) else { return Some(None) };
        match value.get_ref() {
            DeValue::Table(table) => {
                Some(Some(Table::new(self.doc, self.join(name), Some(value.span()), table)))
            }
            _ => {
                self.wrong_type(name, value, "a table", "");
                None
            }
        }
    }

    /// A required sub-table.
    pub(crate) fn table(&mut self, name: &'static str) -> Option<Table<'d, 's>> {
        match self.table_opt(name)? {
            Some(table) => Some(table),
            None => {
                self.missing(name, &format!("a table [{}]", self.join(name)));
                None
            }
        }
    }

    /// A list of tables; absent means empty when `required` is false. Also
    /// gives a field that stands for the whole list.
    pub(crate) fn list(
        &mut self,
        name: &'static str,
        required: bool,
    ) -> Option<(Field<()>, Vec<Table<'d, 's>>)> {
        let allowed = format!("a list of at most {MAX_LIST} tables");
        let Some(value) = self.take(name) else {
            if required {
                self.missing(name, &allowed);
                return None;
            }
            return Some((self.default_field(name, (), "[]".to_string()), Vec::new()));
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(name, value, "a list of tables", &allowed);
            return None;
        };
        let field = self.field(name, value, ());
        if items.len() > MAX_LIST || (required && items.is_empty()) {
            self.doc.range(&field, "the list must have a fitting length", &allowed, "change its length");
            return None;
        }
        let mut tables = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{name}.{index}");
            match item.get_ref() {
                DeValue::Table(table) => {
                    let path = self.join(&path);
                    self.doc.paths.borrow_mut().insert(path.clone());
                    tables.push(Table::new(self.doc, path, Some(item.span()), table));
                }
                _ => self.wrong_type(&path, item, "a table", "{ kind = \"…\", … }"),
            }
        }
        Some((field, tables))
    }

    /// Every text in this table and the tables in it, by dotted path without
    /// this table's own name. Used for `[sources]`, whose names are paths.
    pub(crate) fn all_texts(&self) -> Vec<(String, Field<String>)> {
        let mut out = Vec::new();
        self.collect_texts("", &mut out);
        out
    }

    fn collect_texts(&self, prefix: &str, out: &mut Vec<(String, Field<String>)>) {
        for (name, (_, value)) in &self.entries {
            let path = if prefix.is_empty() { (*name).to_string() } else { format!("{prefix}.{name}") };
            match value.get_ref() {
                DeValue::String(text) => out.push((path, self.field(name, value, text.to_string()))),
                DeValue::Table(table) => {
                    let inner = Table::new(self.doc, self.join(name), Some(value.span()), table);
                    inner.collect_texts(&path, out);
                }
                _ => self.wrong_type(name, value, "a string", "\"P\", \"our choice: why\", …"),
            }
        }
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

fn widen(range: RangeInclusive<u32>) -> RangeInclusive<i64> {
    i64::from(*range.start())..=i64::from(*range.end())
}

/// Only called on values inside a range of `u32`.
fn narrow(field: Field<i64>) -> Field<u32> {
    let value = u32::try_from(field.value).unwrap_or(u32::MAX);
    Field { value, path: field.path, shown: field.shown, span: field.span }
}

fn parse_integer(digits: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(digits.as_str(), digits.radix()).ok()
}

fn show_range(range: &RangeInclusive<i64>) -> String {
    if range.start() == range.end() { range.start().to_string() } else { format!("{range:?}") }
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

/// The candidate nearest to `word`, if one is near enough to be a slip of the
/// keyboard: edit distance at most a third of the length.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).collect();
    let most = (word.len() / 3).max(1);
    candidates
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, candidate)| candidate)
}

fn distance(word: &[char], other: &str) -> usize {
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (i, ch) in other.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &w) in word.iter().enumerate() {
            let replaced = diagonal + usize::from(w != ch);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[word.len()]
}
