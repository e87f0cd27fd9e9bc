//! What all tables of one file share: the text, the errors so far, and which
//! paths exist.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::Range;

use super::nearest::nearest;
use crate::error::{DescError, Place, Rule, shorten};

/// Errors beyond this number are counted, not kept.
const MAX_ERRORS: usize = 64;

/// What is shared by all tables of one file: errors so far, and paths that exist.
pub(crate) struct Doc<'s> {
    pub(super) text: &'s str,
    file: &'s str,
    /// The text had syntax errors, so fields may be absent only by accident.
    pub(super) broken: bool,
    /// Lines with syntax errors, as byte ranges: what stands there is not read,
    /// since the parser makes values up to carry on.
    broken_lines: RefCell<Vec<Range<usize>>>,
    errors: RefCell<Vec<DescError>>,
    dropped: Cell<usize>,
    /// Fields that exist, or were asked for and are wrongly absent.
    pub(super) paths: RefCell<BTreeSet<String>>,
    /// Tables that an error kept from being read: their fields are not known.
    pub(super) hidden: RefCell<BTreeSet<String>>,
}

/// A value that was read, with what an error about it needs.
#[derive(Clone)]
pub(crate) struct Field<T> {
    pub(crate) value: T,
    pub(crate) path: String,
    pub(super) shown: String,
    pub(super) span: Option<Range<usize>>,
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
    pub(super) fn push(
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

    pub(super) fn is_broken(&self, at: usize) -> bool {
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
    pub(super) fn forget_missing(&self, path: &str) -> bool {
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
