//! What every database of PostgreSQL 15 is born with: its types, functions, operators and the
//! columns of its own catalogue. `sql/pg/export.sh` wrote the rows.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use zstd::bulk::decompress;

const PACKED: &[u8] = include_bytes!("../../../sql/pg/catalogue.copy.zst");
/// The rows are four times a megabyte at most; a larger text is not what was exported.
const UNPACKED_BYTES_MAX: usize = 4 << 20;

/// The exported rows, as one text. It is split into cells anew by each who asks for some of it: that
/// takes a tenth of the time and of the memory that keeping a hundred thousand texts would take.
pub(crate) struct Archive {
    text: String,
    /// Where in the text the rows of each relation are.
    blocks: HashMap<String, Range<usize>>,
}

/// A row: a text for each column, absent where it is NULL.
pub(crate) type Row<'a> = Vec<Option<Cow<'a, str>>>;

impl Archive {
    fn new(text: String) -> Self {
        let (mut blocks, mut at) = (HashMap::new(), 0);
        let mut begun: Option<(&str, usize)> = None;
        for line in text.split_inclusive('\n') {
            let end = at + line.len();
            match line.trim_end_matches('\n') {
                "\\." => {
                    let rows = begun.take().map(|(name, first)| (name.to_owned(), first..at));
                    blocks.extend(rows);
                }
                head if begun.is_none() => {
                    begun = head.strip_prefix("COPY ").map(|name| (name, end));
                }
                _ => {}
            }
            at = end;
        }
        Self { text, blocks }
    }

    /// The rows of a relation; none if it was not exported.
    pub(crate) fn rows(&self, relation: &str) -> impl Iterator<Item = Row<'_>> {
        let block = self.blocks.get(relation).and_then(|block| self.text.get(block.clone()));
        let lines = block.unwrap_or_default().lines();
        lines.map(|line| line.split('\t').map(cell).collect())
    }
}

/// The archive, unpacked once.
pub(crate) fn archive() -> &'static Archive {
    static ARCHIVE: OnceLock<Archive> = OnceLock::new();
    ARCHIVE.get_or_init(|| {
        let text = decompress(PACKED, UNPACKED_BYTES_MAX).unwrap_or_default();
        Archive::new(String::from_utf8(text).unwrap_or_default())
    })
}

/// A cell as `COPY` writes it: `\N` is nothing, a backslash escapes the next letter.
fn cell(text: &str) -> Option<Cow<'_, str>> {
    if text == "\\N" {
        return None;
    }
    if !text.contains('\\') {
        return Some(Cow::Borrowed(text));
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
    Some(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_a_database_is_born_with() {
        let rows = |name: &str| archive().rows(name).count();
        assert!(rows("pg_type") > 500 && rows("pg_proc") > 3_000 && rows("pg_attribute") > 2_000);
        assert_eq!(rows("pg_user_defined"), 0);
    }

    #[test]
    fn rows_are_those_between_their_name_and_the_end() {
        let text = "COPY a\n1\t\\N\nCOPY b\t\n\\.\n\nCOPY none\n\\.\nCOPY c\nx\\ty\n\\.\n";
        let archive = Archive::new(text.to_owned());
        let rows = |name| archive.rows(name).collect::<Vec<_>>();
        let text = |text| Some(Cow::Borrowed(text));
        assert_eq!(rows("a"), [vec![text("1"), None], vec![text("COPY b"), text("")]]);
        assert_eq!((rows("b"), rows("none")), (Vec::new(), Vec::new()));
        assert_eq!(rows("c"), [vec![text("x\ty")]]);
    }

    #[test]
    fn undoes_the_escapes_of_copy() {
        assert_eq!(cell("\\N"), None);
        assert_eq!(cell("a\\tb\\\\c\\n").as_deref(), Some("a\tb\\c\n"));
    }
}
