//! Codes as tables: one for each dimension of a dataflow (the points of the star), one for each
//! codelist.

use std::collections::{BTreeSet, HashMap};

use arrow::array::RecordBatch;
use datafusion::common::Result;

use crate::model::{Code, Codelist, Component};
use crate::query::catalogue::columns::Columns;
use crate::store::fold;

/// How deep a hierarchy may be before its level is left out: a list that is its own ancestor must
/// not hang us.
const DEPTH_MAX: i32 = 1_000;

/// A code of a table: its text, and what the codelist says of it, where it is in one.
struct Row<'a> {
    id: &'a str,
    known: Option<(usize, &'a Code)>,
}

/// The codes of a dimension that occur, in the order of the codelist; those outside it at the end.
pub(super) fn of_dimension<'a>(
    component: &'a Component,
    codes: impl Iterator<Item = &'a str>,
    language: &str,
) -> Result<RecordBatch> {
    let list = component.codelist.as_deref();
    let places = list.map(places).unwrap_or_default();
    let mut rows: Vec<Row<'_>> =
        codes.map(|id| Row { id, known: places.get(id).copied() }).collect();
    rows.sort_by_key(|row| (row.known.map_or(usize::MAX, |(place, _)| place), row.id));
    table(list, &places, &rows, language)
}

/// All codes of a codelist, in its order.
pub(super) fn of_codelist(list: &Codelist, rows: bool, language: &str) -> Result<RecordBatch> {
    let places = places(list);
    let codes = list.codes.iter().enumerate().filter(|_| rows);
    let rows: Vec<Row<'_>> =
        codes.map(|(place, code)| Row { id: &code.id, known: Some((place, code)) }).collect();
    table(Some(list), &places, &rows, language)
}

fn places(list: &Codelist) -> HashMap<&str, (usize, &Code)> {
    let codes = list.codes.iter().enumerate();
    codes.map(|(place, code)| (code.id.as_str(), (place, code))).collect()
}

fn table(
    list: Option<&Codelist>,
    places: &HashMap<&str, (usize, &Code)>,
    rows: &[Row<'_>],
    language: &str,
) -> Result<RecordBatch> {
    let known = || rows.iter().map(|row| row.known.map(|(_, code)| code));
    let name = |row: &Row<'_>| {
        let named = row.known.and_then(|(_, code)| code.names.best(language).map(str::to_owned));
        Some(named.unwrap_or_else(|| row.id.to_owned()))
    };
    let mut columns = Columns::default()
        .key("code", rows.iter().map(|row| row.id))
        .text("name", rows.iter().map(name));
    for spoken in languages(list) {
        let column = format!("name_{}", fold(&spoken));
        columns = columns.text(column, known().map(|code| code?.names.exact(&spoken)));
    }
    let parents: BTreeSet<&str> =
        places.values().filter_map(|(_, code)| code.parent.as_deref()).collect();
    let is_total = |row: &Row<'_>| {
        let top = row.known.is_some_and(|(_, code)| code.parent.is_none());
        matches!(row.id, "_T" | "TOTAL") || (top && parents.contains(row.id))
    };
    let place = |row: &Row<'_>| row.known.and_then(|(place, _)| i32::try_from(place + 1).ok());
    columns
        .text("description", known().map(|code| code?.descriptions.best(language)))
        .text("parent", known().map(|code| code?.parent.as_deref()))
        .integer("level", known().map(|code| level(code?, places)))
        .integer("position", rows.iter().map(place))
        .flag("is_total", rows.iter().map(is_total))
        .batch()
}

/// The languages that the names of a list are in, in order.
fn languages(list: Option<&Codelist>) -> Vec<String> {
    let codes = list.into_iter().flat_map(|list| &list.codes);
    let spoken = codes.flat_map(|code| &code.names.0).map(|(language, _)| language.to_lowercase());
    spoken.collect::<BTreeSet<String>>().into_iter().collect()
}

/// 1 for a code without a parent, one more for each parent above. Absent in a circle.
fn level(code: &Code, places: &HashMap<&str, (usize, &Code)>) -> Option<i32> {
    let (mut code, mut level) = (code, 1);
    while let Some(parent) = &code.parent {
        code = places.get(parent.as_str())?.1;
        level += 1;
        if level > DEPTH_MAX {
            return None;
        }
    }
    Some(level)
}

#[cfg(test)]
mod tests {
    use arrow::util::pretty::pretty_format_batches;

    use super::*;
    use crate::model::{ArtefactId, Identity, Names};

    fn list() -> Codelist {
        let code = |id: &str, name: &str, parent: Option<&str>| Code {
            id: id.to_owned(),
            names: Names::one("en", name),
            parent: parent.map(str::to_owned),
            ..Code::default()
        };
        Codelist {
            identity: Identity::named(ArtefactId::new("X", "CL_AREA", "1.0"), "Area"),
            is_partial: false,
            is_value_list: false,
            extensions: Vec::new(),
            codes: vec![
                code("W", "World", None),
                code("EU", "Europe", Some("W")),
                code("IT", "Italy", Some("EU")),
                code("_Z", "Not applicable", None),
                code("A", "Circle", Some("B")),
                code("B", "Circle", Some("A")),
            ],
        }
    }

    #[test]
    fn a_codelist_knows_its_levels_and_its_total() {
        let found = of_codelist(&list(), true, "en").expect("a table");
        let text = pretty_format_batches(&[found]).expect("text").to_string();
        let expected = "\
+------+----------------+----------------+-------------+--------+-------+----------+----------+
| code | name           | name_en        | description | parent | level | position | is_total |
+------+----------------+----------------+-------------+--------+-------+----------+----------+
| W    | World          | World          |             |        | 1     | 1        | true     |
| EU   | Europe         | Europe         |             | W      | 2     | 2        | false    |
| IT   | Italy          | Italy          |             | EU     | 3     | 3        | false    |
| _Z   | Not applicable | Not applicable |             |        | 1     | 4        | false    |
| A    | Circle         | Circle         |             | B      |       | 5        | false    |
| B    | Circle         | Circle         |             | A      |       | 6        | false    |
+------+----------------+----------------+-------------+--------+-------+----------+----------+";
        assert_eq!(text, expected);
        assert_eq!(of_codelist(&list(), false, "en").expect("columns").num_rows(), 0);
    }
}
