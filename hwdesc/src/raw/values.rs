//! Single values: numbers, words, flags, texts.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use super::doc::Field;
use super::nearest::nearest;
use super::table::Table;
use crate::units::Limit;

/// Longest list of words.
const MAX_WORDS: usize = 64;
/// Longest text in a description, in characters.
const MAX_TEXT: usize = 2000;

impl<'d> Table<'d, '_> {
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
        for (index, item) in items.iter().take(MAX_WORDS).enumerate() {
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
