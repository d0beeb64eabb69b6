//! What every database of PostgreSQL 15 is born with: its types, functions, operators and the
//! columns of its own catalogue. `sql/pg/export.sh` wrote the rows.

use std::collections::HashMap;
use std::sync::OnceLock;
use zstd::bulk::decompress;

const PACKED: &[u8] = include_bytes!("../../../sql/pg/catalogue.copy.zst");
/// The rows are four times a megabyte at most; a larger text is not what was exported.
const UNPACKED_BYTES_MAX: usize = 4 << 20;

/// The exported rows, as text cells by relation.
pub(crate) struct Archive {
    blocks: HashMap<String, Vec<Vec<Option<String>>>>,
}

impl Archive {
    /// The rows of a relation; none if it was not exported.
    pub(crate) fn rows(&self, relation: &str) -> &[Vec<Option<String>>] {
        self.blocks.get(relation).map_or(&[], Vec::as_slice)
    }
}

/// The archive, unpacked once.
pub(crate) fn archive() -> &'static Archive {
    static ARCHIVE: OnceLock<Archive> = OnceLock::new();
    ARCHIVE.get_or_init(|| {
        let text = decompress(PACKED, UNPACKED_BYTES_MAX).unwrap_or_default();
        parse(&String::from_utf8(text).unwrap_or_default())
    })
}

fn parse(text: &str) -> Archive {
    let mut blocks: HashMap<String, Vec<Vec<Option<String>>>> = HashMap::new();
    let mut rows = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("COPY ") {
            rows = Some(blocks.entry(name.to_owned()).or_default());
        } else if line == "\\." {
            rows = None;
        } else if let Some(rows) = rows.as_mut() {
            rows.push(line.split('\t').map(cell).collect());
        }
    }
    Archive { blocks }
}

/// A cell as `COPY` writes it: `\N` is nothing, a backslash escapes the next letter.
fn cell(text: &str) -> Option<String> {
    if text == "\\N" {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some('r') => plain.push('\r'),
                Some(other) => plain.push(other),
                None => {}
            },
            other => plain.push(other),
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_a_database_is_born_with() {
        let rows = |name: &str| archive().rows(name).len();
        assert!(rows("pg_type") > 500 && rows("pg_proc") > 3_000 && rows("pg_attribute") > 2_000);
        assert_eq!(rows("pg_user_defined"), 0);
    }

    #[test]
    fn undoes_the_escapes_of_copy() {
        assert_eq!(cell("\\N"), None);
        assert_eq!(cell("a\\tb\\\\c\\n").as_deref(), Some("a\tb\\c\n"));
    }
}
