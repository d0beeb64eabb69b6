//! The headers by which a client says what it would like: ranges with qualities.
//!
//! Source: RFC 9110, sections 5.6 (lists, quoted strings), 12.4.2 (qualities), 12.5.

/// One range of a list, such as `text/csv;version="1.0.0";q=0.5`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// What stands before the parameters, in lower case.
    pub(super) name: String,
    /// The parameters but for `q`: names in lower case, values without their quotes.
    pub(super) parameters: Vec<(String, String)>,
    /// The quality in thousandths; 0 for what is not acceptable.
    pub(super) quality: u16,
}

impl Range {
    /// Parses a list of ranges, best first; equal ones in their order. A range that does not parse
    /// is left out, as if it asked for what nobody has.
    pub(super) fn parse_list(header: &str) -> Vec<Self> {
        let ranges = split(header, ',').into_iter().filter_map(Self::parse);
        let mut ranges: Vec<Self> = ranges.take(RANGES_MAX).collect();
        ranges.sort_by_key(|range| u16::MAX - range.quality);
        ranges
    }

    /// Parses one range, or a media type.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = split(text, ';').into_iter().map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
        let mut range = Self { name, parameters: Vec::new(), quality: 1_000 };
        for part in parts.filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=')?;
            let (name, value) = (name.trim().to_ascii_lowercase(), unquoted(value.trim())?);
            if name == "q" {
                range.quality = quality(&value)?;
            } else {
                range.parameters.push((name, value));
            }
        }
        Some(range)
    }

    /// The value of a parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Ranges of one header that are looked at: browsers send nine.
const RANGES_MAX: usize = 64;

/// Splits where a separator stands outside of quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            c if c == separator && !is_quoted => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

fn unquoted(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else { return Some(value.to_owned()) };
    let inner = inner.strip_suffix('"')?;
    let mut plain = String::with_capacity(inner.len());
    let mut is_escaped = false;
    for c in inner.chars() {
        if c == '\\' && !is_escaped {
            is_escaped = true;
        } else {
            is_escaped = false;
            plain.push(c);
        }
    }
    Some(plain)
}

/// `1`, `0.5` or `0.125`, in thousandths.
fn quality(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_good = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok().filter(|_| is_good)?;
    match (whole, thousandths) {
        ("0", _) => Some(thousandths),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(header: &str) -> String {
        let ranges = Range::parse_list(header);
        let range = |range: &Range| {
            let parameters =
                range.parameters.iter().map(|(name, value)| format!(";{name}={value}"));
            let parameters: String = parameters.collect();
            format!("{}{parameters} {}", range.name, range.quality)
        };
        ranges.iter().map(range).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn ranges_parse_as_clients_write_them() {
        let check = |header: &str, expected: &str| assert_eq!(shown(header), expected, "{header}");
        check("", "");
        check("*/*", "*/* 1000");
        check("a/b; q=0.5, C/D", "c/d 1000 | a/b 500");
        check("a/b ; version=\"2.1\" ; Labels=both;q=0", "a/b;version=2.1;labels=both 0");
        check("a/b;x=\"1,2;3\\\"\",c/d", "a/b;x=1,2;3\" 1000 | c/d 1000");
        check("a/b;q=2, a/c;q=0.1234, a/d;q=x, a/e;q=1.000", "a/e 1000");
        check(
            "text/html,application/xml;q=0.9,*/*;q=0.8",
            "text/html 1000 | application/xml 900 | */* 800",
        );
        check("gzip;q=0.001, identity", "identity 1000 | gzip 1");
    }
}
