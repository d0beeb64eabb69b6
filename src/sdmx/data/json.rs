//! SDMX-JSON data: the data first and the structure after it, so that a message of any size can be
//! written as the data come. Data refer to values by number, and numbers are handed out as values
//! appear.
//!
//! All versions are one layout with small differences: where the header and the structure stand,
//! which attributes have a level of their own, and how values look.
//!
//! Every attribute is written by number, free text too, as clients of all versions expect; what is
//! missing is `null`, also at the end of a list.
//!
//! Source: SDMX-JSON field guides 1.0, 2.0.0 and 2.1.0, "dataSets"; for the draft, what the data
//! service of the European Central Bank answers as `version=1.0.0-wd`.

use std::io;

use crate::model::{Action, Annotation, Cell, ComponentRole, write_moment};
use crate::sdmx::data::json_number::ValueRule;
use crate::sdmx::data::json_structure::{message_annotations, write_structure};
use crate::sdmx::data::json_types::declared_type;
use crate::sdmx::data::json_values::ValueTables;
use crate::sdmx::data::layout::{Layout, key_dimensions, text_of};
use crate::sdmx::data::output::Output;
use crate::sdmx::data::xml_header::{flow_urn, structure_urn};
use crate::sdmx::data::{DataScope, DataSet, DataWriter, arrays};

/// The versions of SDMX-JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum JsonVersion {
    /// 1.0.0-wd.
    Draft,
    /// 1.0.0.
    V1_0,
    /// 2.0.0.
    V2_0,
    /// 2.1.0.
    V2_1,
}

impl JsonVersion {
    /// Whether there are several measures with types, and a level for attributes of partial keys.
    pub(super) fn is_second(self) -> bool {
        self >= Self::V2_0
    }

    fn schema(self) -> &'static str {
        match self {
            Self::Draft => "",
            Self::V1_0 => {
                "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/data-message/tools/\
                 schemas/1.0/sdmx-json-data-schema.json"
            }
            Self::V2_0 => {
                "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/data-message/tools/\
                 schemas/2.0.0/sdmx-json-data-schema.json"
            }
            Self::V2_1 => "https://json.sdmx.org/2.1/sdmx-json-data-schema.json",
        }
    }

    fn action(self, action: Action) -> &'static str {
        match action {
            Action::Merge if self == Self::V2_1 => "Merge",
            Action::Merge => "Information",
            Action::Replace => "Replace",
            Action::Delete => "Delete",
        }
    }
}

/// Which part of the data set is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    DataSet,
    PartialKeys,
    Series,
    Observations,
}

/// Writes SDMX-JSON.
pub(super) struct Json<'a> {
    scope: DataScope<'a>,
    version: JsonVersion,
    layout: Layout,
    /// The attributes of the dataflow among those apart.
    of_flow: Vec<usize>,
    /// The attributes of partial keys among those apart.
    of_keys: Vec<usize>,
    /// How each measure is written, in the order of the layout.
    rules: Vec<ValueRule>,
    annotations: Vec<&'a Annotation>,
    values: ValueTables,
    out: Output<'a>,
    part: Part,
    /// Whether nothing stands yet in the list that is open.
    is_first: bool,
    is_in_series: bool,
    /// The data sets that were begun.
    sets: usize,
    /// Whether the data set says what is to be deleted.
    is_deletion: bool,
}

impl<'a> Json<'a> {
    pub(super) fn new(scope: DataScope<'a>, version: JsonVersion, out: Output<'a>) -> Self {
        let mut layout = Layout::new(&scope, |key| match version {
            // Its readers look for attributes at series and observations only.
            JsonVersion::Draft => false,
            JsonVersion::V1_0 => key.is_empty(),
            JsonVersion::V2_0 | JsonVersion::V2_1 => true,
        });
        if !version.is_second() && layout.measures.len() > 1 {
            // One measure is all that these versions know.
            let others = layout.measures.split_off(1);
            layout.observation.splice(0..0, others);
        }
        let components = scope.flow.components();
        let is_of_flow = |position: &usize| {
            let role = components.get(*position).map(|component| &component.role);
            matches!(role, Some(ComponentRole::KeyAttribute(key)) if key.is_empty())
        };
        let (of_flow, of_keys) = layout.apart.iter().partition(|position| is_of_flow(position));
        let rules = layout.measures.iter().map(|position| {
            let declared = declared_type(&scope, *position);
            let is_coded = components.get(*position).is_some_and(|c| c.codelist.is_some());
            match version {
                _ if is_coded => ValueRule::Text,
                JsonVersion::V2_1 => ValueRule::of_type(declared),
                _ => ValueRule::before_types(declared),
            }
        });
        let rules = rules.collect();
        let annotations =
            if version == JsonVersion::Draft { Vec::new() } else { message_annotations(&scope) };
        let values = ValueTables::new(components.len());
        Self {
            scope,
            version,
            layout,
            of_flow,
            of_keys,
            rules,
            annotations,
            values,
            out,
            part: Part::DataSet,
            is_first: true,
            is_in_series: false,
            sets: 0,
            is_deletion: false,
        }
    }

    fn header(&mut self) {
        let Self { out, scope, version, .. } = self;
        match version {
            JsonVersion::Draft => out.push("{\"header\":{"),
            JsonVersion::V1_0 | JsonVersion::V2_0 => {
                out.push("{\"meta\":{\"schema\":");
                out.json(version.schema());
                out.push(",");
            }
            JsonVersion::V2_1 => {
                out.push("{\"$schema\":");
                out.json(version.schema());
                out.push(",\"meta\":{");
            }
        }
        out.push("\"id\":");
        out.json(&scope.header.id);
        out.push(",\"test\":false,\"prepared\":");
        out.json(&scope.header.prepared);
        out.push(",\"sender\":{\"id\":");
        out.json(&scope.header.sender);
        out.push(match version {
            JsonVersion::Draft => "}},",
            _ => "}},\"data\":{",
        });
    }

    fn begin_set(&mut self, set: &DataSet) -> io::Result<()> {
        self.part = Part::DataSet;
        self.sets += 1;
        self.is_deletion = set.action == Action::Delete;
        let Self { out, scope, version, annotations, .. } = self;
        if version.is_second() {
            out.push("\"structure\":0,");
        }
        out.push("\"action\":");
        out.json(version.action(set.action));
        for (name, moment) in [("validFrom", set.valid_from), ("validTo", set.valid_to)] {
            if let Some(moment) = moment {
                out.push(",");
                out.json(name);
                out.push(":");
                out.json(&write_moment(moment));
            }
        }
        if *version != JsonVersion::Draft {
            out.push(",");
            write_links(out, scope);
        }
        for index in 0..annotations.len() {
            out.push(if index == 0 { ",\"annotations\":[" } else { "," });
            out.number(u32::try_from(index).unwrap_or(u32::MAX));
        }
        if !annotations.is_empty() {
            out.push("]");
        }
        out.flush_if_full()
    }

    /// Closes what is open in the data set.
    fn end_set(&mut self) {
        let part = if self.layout.is_flat { Part::Observations } else { Part::Series };
        self.enter(part);
        self.leave();
    }

    /// Closes what is open in the data set, and opens a part of it.
    fn enter(&mut self, part: Part) {
        if self.part == part {
            return;
        }
        self.leave();
        self.out.push(match part {
            Part::DataSet => "",
            Part::PartialKeys => ",\"dimensionGroupAttributes\":{",
            Part::Series => ",\"series\":{",
            Part::Observations => ",\"observations\":{",
        });
        self.part = part;
        self.is_first = true;
    }

    /// Closes the part that is open.
    fn leave(&mut self) {
        if self.is_in_series {
            self.out.push(if self.scope.has_observations { "}}" } else { "}" });
            self.is_in_series = false;
        }
        if self.part != Part::DataSet {
            self.out.push("}");
        }
    }

    fn comma(&mut self) {
        if !self.is_first {
            self.out.push(",\n");
        }
        self.is_first = false;
    }

    /// The key of a series or an observation.
    fn key(&mut self, is_series: bool, cells: &[Cell<'_>]) -> io::Result<()> {
        let Self { layout, values, out, .. } = self;
        let positions = if is_series { &layout.series_key } else { &layout.observation_key };
        out.push("\"");
        for (index, position) in positions.iter().enumerate() {
            if index > 0 {
                out.push(":");
            }
            let text = cells.get(*position).copied().flatten().unwrap_or_default();
            out.number(values.number(*position, text)?);
        }
        out.push("\":");
        Ok(())
    }

    fn observation_values(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let Self { layout, values, out, rules, version, scope, .. } = self;
        if self.is_deletion {
            out.push(if version.is_second() { "[]" } else { "[null]" });
            return Ok(());
        }
        let mut separator = "[";
        for (position, rule) in layout.measures.iter().zip(rules) {
            out.push(separator);
            separator = ",";
            match text_of(cells, *position) {
                None => out.push("null"),
                Some(text) if version.is_second() && is_multiple(scope, *position) => {
                    write_list(out, text);
                }
                Some(text) if rule.is_bare(text) => out.push(text),
                Some(text) => out.json(text),
            }
        }
        if layout.measures.is_empty() && !version.is_second() {
            // Readers of these versions take the first for the measure.
            out.push("[null");
            separator = ",";
        }
        for position in &layout.observation {
            out.push(separator);
            separator = ",";
            write_attribute(out, values, scope, *version, *position, cells)?;
        }
        out.push(if separator == "[" { "[]" } else { "]" });
        Ok(())
    }
}

impl DataWriter for Json<'_> {
    fn begin(&mut self) -> io::Result<()> {
        self.header();
        self.out.push("\"dataSets\":[{");
        let set = self.scope.set;
        self.begin_set(&set)
    }

    fn next_set(&mut self, set: &DataSet) -> io::Result<()> {
        self.end_set();
        self.out.push("},\n{");
        self.begin_set(set)
    }

    fn partial(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let dimension_count = self.scope.flow.dimensions().len();
        let key = key_dimensions(cells, dimension_count);
        let attributes = if key.is_empty() { &self.of_flow } else { &self.of_keys };
        if !attributes.iter().any(|position| text_of(cells, *position).is_some()) {
            return Ok(());
        }
        if key.is_empty() {
            self.out.push(",\"attributes\":[");
        } else {
            self.enter(Part::PartialKeys);
            self.comma();
            self.out.push("\"");
            for position in 0..self.scope.flow.measures_from() {
                if position > 0 {
                    self.out.push(":");
                }
                if let Some(text) = text_of(cells, position).filter(|_| key.contains(&position)) {
                    self.out.number(self.values.number(position, text)?);
                }
            }
            self.out.push("\":[");
        }
        let Self { of_flow, of_keys, out, values, scope, version, .. } = self;
        let attributes = if key.is_empty() { of_flow } else { of_keys };
        for (index, position) in attributes.iter().enumerate() {
            if index > 0 {
                out.push(",");
            }
            write_attribute(out, values, scope, *version, *position, cells)?;
        }
        out.push("]");
        out.flush_if_full()
    }

    fn series(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if self.layout.is_flat {
            self.enter(Part::Observations);
            if !self.scope.has_observations {
                self.observation(cells)?;
            }
            return Ok(());
        }
        self.enter(Part::Series);
        if self.is_in_series {
            self.out.push(if self.scope.has_observations { "}}" } else { "}" });
        }
        self.comma();
        self.key(true, cells)?;
        self.is_in_series = true;
        let Self { layout, values, out, version, scope, .. } = self;
        let mut separator = "{\"attributes\":[";
        let attributes = if self.is_deletion { &[][..] } else { &layout.series };
        for position in attributes {
            out.push(separator);
            separator = ",";
            write_attribute(out, values, scope, *version, *position, cells)?;
        }
        out.push(match (attributes.is_empty(), scope.has_observations) {
            (true, true) => "{\"observations\":{",
            (true, false) => "{",
            (false, true) => "],\"observations\":{",
            (false, false) => "]",
        });
        self.is_first = scope.has_observations;
        out.flush_if_full()
    }

    #[inline]
    fn observation(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.comma();
        self.key(false, cells)?;
        self.observation_values(cells)?;
        self.out.flush_if_full()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.end_set();
        self.out.push("}],\n");
        let Self { scope, version, layout, annotations, values, out, of_flow, of_keys, .. } = self;
        let (sets, attributes) =
            (self.sets, [&of_flow[..], of_keys, &layout.series, &layout.observation]);
        write_structure(out, scope, *version, sets, layout, attributes, values, annotations);
        out.push(if *version == JsonVersion::Draft { "}\n" } else { "}}\n" });
        out.flush()
    }
}

/// Writes the number of an attribute's value, or `null`. Where there are several values, 2.1 lists
/// their numbers; in 2.0 all of them together are one value, a list (`maxOccurs` in its field
/// guide); before it, one text.
#[inline]
fn write_attribute(
    out: &mut Output<'_>,
    values: &mut ValueTables,
    scope: &DataScope<'_>,
    version: JsonVersion,
    position: usize,
    cells: &[Cell<'_>],
) -> io::Result<()> {
    let Some(text) = text_of(cells, position) else {
        out.push("null");
        return Ok(());
    };
    if version != JsonVersion::V2_1 || !is_multiple(scope, position) {
        out.number(values.number(position, text)?);
        return Ok(());
    }
    let mut separator = "[";
    for value in arrays::values(text) {
        out.push(separator);
        separator = ",";
        out.number(values.number(position, &value)?);
    }
    out.push("]");
    Ok(())
}

#[inline]
fn is_multiple(scope: &DataScope<'_>, position: usize) -> bool {
    scope.flow.components().get(position).is_some_and(|component| component.is_multiple)
}

/// Writes the values of a measure that may have several. They are strings, as the schema of 2.0
/// refuses lists of numbers.
fn write_list(out: &mut Output<'_>, text: &str) {
    let mut separator = "[";
    for value in arrays::values(text) {
        out.push(separator);
        separator = ",";
        out.json(&value);
    }
    out.push("]");
}

/// Writes the links to the dataflow and to its structure.
pub(super) fn write_links(out: &mut Output<'_>, scope: &DataScope<'_>) {
    out.push("\"links\":[{\"rel\":\"dataflow\",\"urn\":");
    out.json(&flow_urn(scope));
    out.push("},{\"rel\":\"datastructure\",\"urn\":");
    out.json(&structure_urn(scope));
    out.push("}]");
}
