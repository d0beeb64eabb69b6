//! Tables of texts that no query made, in any format.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};

use crate::error::{Error, Result};
use crate::query::render::{Format, render};

/// Rows of texts: a text a column, absent where there is none.
pub type TextRows = Vec<Vec<Option<String>>>;

/// Writes rows of texts as they come, and returns their number.
///
/// # Errors
///
/// Those of `rows`; [`Error::Io`] if `out` refuses.
pub fn render_texts(
    format: Format,
    columns: &[&str],
    rows: &mut dyn Iterator<Item = Result<TextRows>>,
    out: &mut dyn Write,
) -> Result<u64> {
    let fields = columns.iter().map(|name| Field::new(*name, DataType::Utf8View, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = |rows: TextRows| {
        let column = |place: usize| -> ArrayRef {
            let texts = rows.iter().map(|row| row.get(place).and_then(Option::as_deref));
            Arc::new(texts.collect::<StringViewArray>())
        };
        let arrays = (0..columns.len()).map(column).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays);
        batch.map_err(|error| Error::bug(format!("a table of texts: {error}")))
    };
    let mut batches = rows.map(|rows| rows.and_then(batch));
    render(format, &schema, &mut batches, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_in_any_format() {
        let check = |format: Format, expected: &str| {
            let text = |text: &str| Some(text.to_owned());
            let rows = [vec![vec![text("a,b"), None]], vec![vec![text(""), text("c")]]];
            let mut out = Vec::new();
            let mut rows = rows.into_iter().map(Ok);
            let count = render_texts(format, &["x", "y"], &mut rows, &mut out).expect("written");
            assert_eq!((count, str::from_utf8(&out).expect("text")), (2, expected));
        };
        check(Format::Csv, "x,y\n\"a,b\",\n\"\",c\n");
        check(Format::JsonLines, "{\"x\":\"a,b\",\"y\":null}\n{\"x\":\"\",\"y\":\"c\"}\n");
    }
}
