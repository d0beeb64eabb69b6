//! Structure-specific data sets: attributes that are called as components.
//!
//! Source: SDMX 2.1 and 3.0 section 3A, part IV, "Structure Specific".
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::BufRead;

use crate::error::Result;
use crate::limits::TEXT_BYTES_MAX;
use crate::sdmx::data::read_cells::{Cells, Level, Refused};
use crate::sdmx::data::read_delete::KeyElement;
use crate::sdmx::rows::RowSink;
use crate::sdmx::xml::{Source, Tag};

/// What SDMX-ML itself says at a data set, where some messages leave out its prefix.
const OWN: [&str; 10] = [
    "action",
    "dataScope",
    "publicationPeriod",
    "publicationYear",
    "reportingBeginDate",
    "reportingEndDate",
    "setID",
    "structureRef",
    "validFromDate",
    "validToDate",
];

/// Reads a data set, up to its end.
pub(super) fn specific<R: BufRead, S: RowSink + ?Sized>(
    source: &mut Source<'_, R>,
    tag: &Tag,
    cells: &mut Cells,
    sink: &mut S,
) -> Result<()> {
    for (id, text) in tag.attributes() {
        match cells.set(Level::DataSet, id, text) {
            Err(Refused::Unknown) if is_own(id) || OWN.contains(&id.as_str()) => {}
            set => set.map_err(|why| cells.refuse(source.place(tag.at), id, why))?,
        }
    }
    cells.flow_attributes(tag.at, sink)?;
    while source.enter()? {
        match source.local() {
            "Obs" => observation(source, cells, sink)?,
            "Series" => series(source, cells, sink)?,
            "Group" => group(source, cells, sink, KeyElement::Group)?,
            "Atts" => group(source, cells, sink, KeyElement::Attributes)?,
            _ => source.leave()?,
        }
    }
    Ok(())
}

/// Reads a series, up to its end.
fn series<R: BufRead, S: RowSink + ?Sized>(
    source: &mut Source<'_, R>,
    cells: &mut Cells,
    sink: &mut S,
) -> Result<()> {
    let (at, rows) = (source.at(), cells.rows());
    take(source, Level::Series, cells)?;
    while source.enter()? {
        match source.local() {
            "Obs" => observation(source, cells, sink)?,
            "Comp" => component(source, Level::Series, cells)?,
            _ => source.leave()?,
        }
    }
    cells.end_series(at, sink, cells.rows() > rows)
}

/// Reads a group or attributes of a key, up to its end.
fn group<R: BufRead, S: RowSink + ?Sized>(
    source: &mut Source<'_, R>,
    cells: &mut Cells,
    sink: &mut S,
    element: KeyElement,
) -> Result<()> {
    let at = source.at();
    take(source, Level::Row, cells)?;
    components(source, Level::Row, cells)?;
    cells.group(element, at, sink)
}

#[inline]
fn observation<R: BufRead, S: RowSink + ?Sized>(
    source: &mut Source<'_, R>,
    cells: &mut Cells,
    sink: &mut S,
) -> Result<()> {
    let at = source.at();
    take(source, Level::Row, cells)?;
    components(source, Level::Row, cells)?;
    cells.observation(at, sink)
}

/// Takes the attributes of the element that was entered as values.
#[inline]
fn take<R: BufRead>(source: &Source<'_, R>, level: Level, cells: &mut Cells) -> Result<()> {
    cells.begin(level);
    let mut kind = None;
    source.attributes(|id, text| match cells.set(level, id, text) {
        Ok(()) => Ok(()),
        Err(Refused::Unknown) if is_own(id) => {
            if id.ends_with(":type") {
                kind = Some(text.rsplit(':').next().unwrap_or_default().to_owned());
            }
            Ok(())
        }
        Err(why) => Err(cells.refuse(source.place(source.at()), id, why)),
    })?;
    // An explicit measure: the type of the observation is the code of the measure dimension.
    if level == Level::Row
        && let (Some(position), Some(kind)) = (cells.explicit, kind)
        && !cells.has(level, position)
    {
        let set = cells.set_at(level, position, &kind);
        return set.map_err(|why| cells.refuse(source.place(source.at()), "xsi:type", why));
    }
    Ok(())
}

/// Whether an attribute is of XML or SDMX-ML itself: it has a prefix, which no component has.
fn is_own(id: &str) -> bool {
    id.contains(':') || id == "xmlns"
}

/// Reads the components that stand as elements in the current one, up to its end.
#[inline]
fn components<R: BufRead>(
    source: &mut Source<'_, R>,
    level: Level,
    cells: &mut Cells,
) -> Result<()> {
    while source.enter()? {
        match source.local() {
            "Comp" => component(source, level, cells)?,
            _ => source.leave()?,
        }
    }
    Ok(())
}

/// Reads a `Comp` (3.x): a component with several values, or with texts in several languages. They
/// become one text, as SDMX-CSV 2.x writes it: `A;B`, `en:Yes;fr:Oui`, `"en:Yes;fr:Oui";"en:No"`.
fn component<R: BufRead>(
    source: &mut Source<'_, R>,
    level: Level,
    cells: &mut Cells,
) -> Result<()> {
    let at = source.at();
    let id = attribute(source, "id")?.ok_or_else(|| source.error(at, "Comp has no id"))?;
    let (mut values, mut length) = (Vec::new(), 0);
    while source.enter()? {
        if source.local() != "Value" {
            source.leave()?;
            continue;
        }
        let texts = value(source)?;
        length += texts.iter().map(|text| text.len() + 1).sum::<usize>();
        values.push(texts);
        if length > TEXT_BYTES_MAX {
            let reason = format!("the values have more than {TEXT_BYTES_MAX} bytes");
            return Err(source.error(at, reason));
        }
    }
    let set = cells.set(level, &id, &joined(&values));
    set.map_err(|why| cells.refuse(source.place(at), &id, why))
}

/// The value of one attribute of the element that was entered.
fn attribute<R: BufRead>(source: &Source<'_, R>, name: &str) -> Result<Option<String>> {
    let mut found = None;
    source.attributes(|known, text| {
        if known == name {
            found = Some(text.to_owned());
        }
        Ok(())
    })?;
    Ok(found)
}

/// Reads a `Value`, up to its end: its text, or `en:Yes` for each language.
fn value<R: BufRead>(source: &mut Source<'_, R>) -> Result<Vec<String>> {
    let (mut texts, mut length) = (Vec::new(), 0);
    source.begin_text();
    while source.enter()? {
        if source.local() != "Text" {
            // Marked-up text: its words count, as everywhere.
            source.leave()?;
            continue;
        }
        let language = attribute(source, "xml:lang")?.unwrap_or_else(|| "en".to_owned());
        source.begin_text();
        source.leave()?;
        texts.push(format!("{language}:{}", source.end_text()));
        length += texts.last().map_or(0, String::len);
        if length > TEXT_BYTES_MAX {
            let reason = format!("the texts have more than {TEXT_BYTES_MAX} bytes");
            return Err(source.error(source.at(), reason));
        }
    }
    let text = source.end_text();
    Ok(if texts.is_empty() { vec![text] } else { texts })
}

/// Several values as one text.
///
/// Source: SDMX-CSV 2.0 field guide, "Multi-valued and multi-lingual columns".
fn joined(values: &[Vec<String>]) -> String {
    let is_single = values.len() == 1;
    let one = |texts: &Vec<String>| {
        let text = texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(";");
        if is_single || texts.len() == 1 {
            text
        } else {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
    };
    match values {
        [texts] => match texts.as_slice() {
            // The only value of all stands as it is.
            [text] => text.clone(),
            _ => one(texts),
        },
        _ => values.iter().map(one).collect::<Vec<_>>().join(";"),
    }
}

/// A value that holds the sign between values stands in quotes.
fn quoted(text: &str) -> String {
    if text.contains([';', '"']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
