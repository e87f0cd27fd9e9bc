//! The members of a JSON object, as text: enough to read what `--json` prints without a dependency.

/// The members of the outermost object, in order: name, and value as it stands.
pub(crate) fn members(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let Some(mut rest) = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
        return found;
    };
    while let Some((member, after)) = split(rest, ',') {
        if let Some((name, value)) = split(member, ':').filter(|(_, value)| !value.is_empty()) {
            found.push((name.trim().trim_matches('"'), value.trim()));
        }
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    found
}

/// The value of a member.
pub(crate) fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    members(text).into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// The items of an array, as they stand.
pub(crate) fn items(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let Some(mut rest) = text.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']')) else {
        return found;
    };
    while let Some((item, after)) = split(rest, ',') {
        found.push(item.trim());
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    found
}

/// The text of a string value; escapes beyond the usual ones stay as they are.
pub(crate) fn text(value: &str) -> String {
    let inner = value.trim().strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    inner.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\")
}

/// The value of a member that is a number.
pub(crate) fn number(text: &str, name: &str) -> Option<f64> {
    member(text, name)?.parse().ok()
}

/// Splits at the first `separator` outside strings and brackets; the second half is empty when there is none.
fn split(text: &str, separator: char) -> Option<(&str, &str)> {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 && c == separator => return Some((&text[..at], &text[at + c.len_utf8()..])),
            _ => {}
        }
    }
    (!text.trim().is_empty()).then_some((text, ""))
}

#[cfg(test)]
mod tests {
    use super::{items, member, members, number, text};

    const TEXT: &str =
        r#"{"nodes":[{"accuracy":0.5,"a":[1,2]}],"text":"a,\"b\":{","accuracy":0.975,"none":null}"#;

    #[test]
    fn only_outermost_members_are_found() {
        assert_eq!(members(TEXT).len(), 4);
        assert_eq!(number(TEXT, "accuracy"), Some(0.975));
        assert_eq!(member(TEXT, "none"), Some("null"));
        assert_eq!(member(TEXT, "a"), None);
        assert_eq!(member(TEXT, "text"), Some(r#""a,\"b\":{""#));
    }

    #[test]
    fn items_and_texts() {
        assert_eq!(items(r#"[{"a":[1,2]}, "x,y", 3]"#), [r#"{"a":[1,2]}"#, r#""x,y""#, "3"]);
        assert!(items("[]").is_empty() && items("7").is_empty());
        assert_eq!(text(r#""a \"b\" c\nd""#), "a \"b\" c\nd");
    }

    #[test]
    fn other_text_has_none() {
        assert!(members("").is_empty());
        assert!(members("{}").is_empty());
        assert!(members("accuracy 0.9").is_empty());
    }
}
