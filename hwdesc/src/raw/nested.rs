//! Tables in tables and lists of tables.

use toml::de::DeValue;

use super::doc::Field;
use super::table::Table;

/// Longest list in a description.
const MAX_LIST: usize = 64;

impl<'d, 's> Table<'d, 's> {
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
}
