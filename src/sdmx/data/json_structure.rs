//! The structure in an SDMX-JSON data message: components, and the values that the data refer to.
//!
//! Source: SDMX-JSON field guides 1.0, 2.0.0 and 2.1.0, "structure"; the official schemas of these
//! versions decide where they differ.

use hashbrown::HashMap;

use crate::model::{Annotation, Code, Component, ComponentRole, Identity, Names};
use crate::model::{DataStructure, Period, PeriodForm, ReportingYearStart, Span};
use crate::sdmx::data::json::{JsonVersion, write_links};
use crate::sdmx::data::json_types::declared_type;
use crate::sdmx::data::json_values::ValueTables;
use crate::sdmx::data::layout::Layout;
use crate::sdmx::data::output::Output;
use crate::sdmx::data::{DataScope, arrays};

/// The levels of attributes, in the order in which [`write_structure`] is given them.
const ATTRIBUTE_LEVELS: [&str; 4] = ["dataSet", "dimensionGroup", "series", "observation"];
/// The attribute that moves reporting periods.
const YEAR_START: &str = "REPORTING_YEAR_START_DAY";

/// The annotations of the dataflow and of its structure, which portals read from data messages.
pub(super) fn message_annotations<'a>(scope: &DataScope<'a>) -> Vec<&'a Annotation> {
    let flow = scope.artefacts.dataflow(&scope.flow.id).map(|flow| &flow.identity);
    let structure = scope.artefacts.data_structure(&scope.flow.structure);
    let both: [Option<&Identity>; 2] = [flow, structure.map(|structure| &structure.identity)];
    both.into_iter().flatten().flat_map(|identity| &identity.annotations).collect()
}

/// Writes the structure, as a member of the object that is open. `attributes` are those of the
/// dataflow, of partial keys, of series and of observations; `annotations` are those that the data
/// set refers to, by number.
#[expect(
    clippy::too_many_arguments,
    reason = "each is one part of a message, gathered by its writer"
)]
pub(super) fn write_structure<'a>(
    out: &mut Output<'_>,
    scope: &DataScope<'a>,
    version: JsonVersion,
    sets: usize,
    layout: &Layout,
    attributes: [&[usize]; 4],
    values: &ValueTables,
    annotations: &[&'a Annotation],
) {
    let structure = scope.artefacts.data_structure(&scope.flow.structure);
    let annotations = annotations.to_vec();
    let mut writer = StructureWriter { out, scope, version, sets, structure, values, annotations };
    writer.write(layout, attributes);
}

struct StructureWriter<'w, 'o, 'a> {
    out: &'w mut Output<'o>,
    scope: &'w DataScope<'a>,
    version: JsonVersion,
    /// How many data sets there are, all of this structure.
    sets: usize,
    structure: Option<&'a DataStructure>,
    values: &'w ValueTables,
    /// What is written at the end, and referred to by number before.
    annotations: Vec<&'a Annotation>,
}

impl<'a> StructureWriter<'_, '_, 'a> {
    fn write(&mut self, layout: &Layout, attributes: [&[usize]; 4]) {
        if self.version.is_second() {
            let sets: Vec<String> = (0..self.sets).map(|set| set.to_string()).collect();
            self.out.push("\"structures\":[{\"dataSets\":[");
            self.out.push(sets.join(","));
            self.out.push("],");
        } else {
            self.out.push("\"structure\":{");
        }
        write_links(self.out, self.scope);
        let flow = self.scope.flow;
        self.names(",\"name\":", "name", &flow.names, &flow.id.id);
        if self.version != JsonVersion::Draft && !flow.descriptions.is_empty() {
            self.names(",\"description\":", "description", &flow.descriptions, "");
        }
        self.out.push(",\n\"dimensions\":{\"dataSet\":[],\"series\":[");
        self.list(&layout.series_key, Self::dimension);
        self.out.push("],\"observation\":[");
        self.list(&layout.observation_key, Self::dimension);
        self.out.push("]}");
        if self.version.is_second() {
            self.out.push(",\n\"measures\":{\"observation\":[");
            self.list(&layout.measures, Self::measure);
            self.out.push("]}");
        }
        self.out.push(",\n\"attributes\":{");
        for (index, (level, positions)) in ATTRIBUTE_LEVELS.iter().zip(attributes).enumerate() {
            if *level == "dimensionGroup" && !self.version.is_second() {
                continue;
            }
            self.out.push(if index > 0 { ",\"" } else { "\"" });
            self.out.push(level);
            self.out.push("\":[");
            self.list(positions, Self::attribute);
            self.out.push("]");
        }
        self.out.push("}");
        if self.version != JsonVersion::Draft {
            self.write_annotations();
        }
        self.out.push(if self.version.is_second() { "}]" } else { "}" });
    }

    fn list(&mut self, positions: &[usize], write: impl Fn(&mut Self, usize, &'a Component)) {
        let mut is_first = true;
        for position in positions {
            let Some(component) = self.scope.flow.components().get(*position) else { continue };
            if self.is_left_out(*position, component) {
                continue;
            }
            self.out.push(if is_first { "\n{\"id\":" } else { ",\n{\"id\":" });
            is_first = false;
            self.out.json(&component.id);
            self.names(",\"name\":", "name", &component.names, &component.id);
            write(self, *position, component);
            self.out.push("}");
        }
    }

    /// Whether a component is not listed: 2.0 has no dimension without values, as there is at the
    /// observation of a message that lists series.
    fn is_left_out(&self, position: usize, component: &Component) -> bool {
        let is_key = matches!(component.role, ComponentRole::Dimension | ComponentRole::Time);
        self.version == JsonVersion::V2_0 && is_key && self.values.is_empty(position)
    }

    /// The text in the language of the message, and those in all languages.
    fn names(&mut self, before: &str, member: &str, names: &Names, otherwise: &str) {
        self.out.push(before);
        self.out.json(names.best(self.scope.language).unwrap_or(otherwise));
        if self.version == JsonVersion::Draft || names.is_empty() {
            return;
        }
        self.out.push(",\"");
        self.out.push(member);
        self.out.push("s\":");
        self.texts(names);
    }

    fn texts(&mut self, names: &Names) {
        let mut separator = "{";
        for (index, (language, text)) in names.0.iter().enumerate() {
            // A language stands once in an object.
            if names.0.iter().take(index).any(|(earlier, _)| earlier == language) {
                continue;
            }
            self.out.push(separator);
            separator = ",";
            self.out.json(language);
            self.out.push(":");
            self.out.json(text);
        }
        self.out.push(if separator == "{" { "{}" } else { "}" });
    }

    fn dimension(&mut self, position: usize, component: &'a Component) {
        self.out.push(",\"keyPosition\":");
        self.out.number(u32::try_from(position).unwrap_or(u32::MAX));
        let is_time = component.role == ComponentRole::Time;
        let role = match (is_time, self.version) {
            (true, JsonVersion::Draft) => ",\"role\":\"time\"",
            (true, _) => ",\"roles\":[\"TIME_PERIOD\"]",
            (false, JsonVersion::Draft) => "",
            (false, _) if self.scope.flow.frequency() == Some(position) => ",\"roles\":[\"FREQ\"]",
            (false, _) => "",
        };
        self.out.push(role);
        let annotations = self.structure.and_then(|structure| {
            let mut all = structure.dimensions.iter().chain(&structure.time);
            all.find(|dimension| dimension.id == component.id).map(|found| &found.annotations)
        });
        self.refer(annotations.map(Vec::as_slice).unwrap_or_default());
        if self.version == JsonVersion::V2_1 && self.values.is_empty(position) {
            return;
        }
        if is_time { self.periods(position) } else { self.values(position, component) }
    }

    fn measure(&mut self, position: usize, component: &'a Component) {
        self.format(position, component);
        let annotations = self.structure.and_then(|structure| {
            let found = structure.measures.iter().find(|measure| measure.id == component.id);
            found.map(|measure| &measure.annotations)
        });
        self.refer(annotations.map(Vec::as_slice).unwrap_or_default());
    }

    fn attribute(&mut self, position: usize, component: &'a Component) {
        if self.version != JsonVersion::Draft {
            self.relationship(component);
        }
        if self.version.is_second() {
            let is_mandatory = component.is_mandatory;
            self.out.push(format!(",\"isMandatory\":{is_mandatory}"));
            self.format(position, component);
        }
        let annotations = self.structure.and_then(|structure| {
            let found = structure.attributes.iter().find(|known| known.id == component.id);
            found.map(|attribute| &attribute.annotations)
        });
        self.refer(annotations.map(Vec::as_slice).unwrap_or_default());
        self.values(position, component);
    }

    /// The type of an uncoded component, and whether it has several values.
    fn format(&mut self, position: usize, component: &Component) {
        let declared = declared_type(self.scope, position);
        let mut separator = ",\"format\":{";
        if let Some(name) = declared {
            self.out.push(separator);
            self.out.push("\"dataType\":");
            self.out.json(name);
            separator = ",";
        }
        if component.is_multiple {
            self.out.push(separator);
            self.out.push("\"maxOccurs\":\"unbounded\"");
        }
        if declared.is_some() || component.is_multiple {
            self.out.push("}");
        }
    }

    fn relationship(&mut self, component: &Component) {
        self.out.push(",\"relationship\":{");
        match &component.role {
            ComponentRole::KeyAttribute(key) if key.is_empty() => self
                .out
                .push(if self.version.is_second() { "\"dataflow\":{}" } else { "\"none\":{}" }),
            ComponentRole::KeyAttribute(key) => {
                let mut separator = "\"dimensions\":[";
                for dimension in key.iter().filter_map(|d| self.scope.flow.dimensions().get(*d)) {
                    self.out.push(separator);
                    separator = ",";
                    self.out.json(&dimension.id);
                }
                self.out.push("]");
            }
            _ if self.version.is_second() => self.out.push("\"observation\":{}"),
            _ => {
                let measure = self.scope.flow.measures().first();
                self.out.push("\"primaryMeasure\":");
                self.out.json(measure.map_or("OBS_VALUE", |measure| measure.id.as_str()));
            }
        }
        self.out.push("}");
    }

    fn values(&mut self, position: usize, component: &'a Component) {
        let codes: HashMap<&str, (usize, &'a Code)> = component
            .codelist
            .iter()
            .flat_map(|list| list.codes.iter().enumerate())
            .map(|(order, code)| (code.id.as_str(), (order, code)))
            .collect();
        let is_attribute = !matches!(component.role, ComponentRole::Dimension);
        let list = self.values;
        self.out.push(",\"values\":[");
        if list.is_empty(position) && is_attribute {
            // Some readers skip attributes without values, and then take the values of the one for
            // those of the next; and the schema of 2.0 wants one.
            self.free_text("");
        }
        for (index, text) in list.values(position).enumerate() {
            self.out.push(if index > 0 { ",\n" } else { "" });
            if component.is_multiple && self.version == JsonVersion::V2_0 {
                self.several(text);
            } else if let Some((order, code)) = codes.get(text) {
                self.code(*order, code);
            } else if is_attribute {
                self.free_text(text);
            } else {
                self.plain(text);
                self.out.push("}");
            }
        }
        self.out.push("]");
    }

    fn code(&mut self, order: usize, code: &'a Code) {
        if self.version.is_second() && !is_item_id(&code.id) {
            return self.plain_and_close(&code.id);
        }
        self.out.push("{\"id\":");
        self.out.json(&code.id);
        self.names(",\"name\":", "name", &code.names, &code.id);
        if self.version != JsonVersion::Draft {
            self.out.push(",\"order\":");
            self.out.number(u32::try_from(order).unwrap_or(u32::MAX));
            if let Some(parent) = code.parent.as_ref().filter(|parent| is_item_id(parent)) {
                self.out.push(",\"parent\":");
                self.out.json(parent);
            }
            self.refer(&code.annotations);
        }
        self.out.push("}");
    }

    fn plain_and_close(&mut self, text: &str) {
        self.plain(text);
        self.out.push("}");
    }

    /// A value of an attribute that is no code.
    fn free_text(&mut self, text: &str) {
        let member = if self.version.is_second() { "{\"value\":" } else { "{\"name\":" };
        self.out.push(member);
        self.out.json(text);
        self.out.push("}");
    }

    /// A list of values that the data refer to as one.
    fn several(&mut self, text: &str) {
        let mut separator = "{\"values\":[";
        for value in arrays::values(text) {
            self.out.push(separator);
            separator = ",";
            self.out.json(&value);
        }
        self.out.push("]}");
    }

    /// A value of a dimension that is no code, but for the end of its object. From 2.0 on, what is
    /// no identifier has a member of its own.
    fn plain(&mut self, text: &str) {
        let is_id = !self.version.is_second() || is_item_id(text);
        self.out.push(if is_id { "{\"id\":" } else { "{\"value\":" });
        self.out.json(text);
        self.out.push(",\"name\":");
        self.out.json(text);
    }

    fn periods(&mut self, position: usize) {
        // Reporting periods move with an attribute that differs from series to series.
        let may_move = self.scope.flow.position(YEAR_START).is_some();
        let list = self.values;
        self.out.push(",\"values\":[");
        for (index, text) in list.values(position).enumerate() {
            self.out.push(if index > 0 { ",\n" } else { "" });
            self.plain(text);
            let period = Period::parse(text).ok();
            let period = period.filter(|period| !may_move || is_gregorian(period));
            let span = period.and_then(|period| period.span(ReportingYearStart::default()));
            if let Some((start, end)) = span.map(Span::to_rfc3339) {
                self.out.push(",\"start\":");
                self.out.json(&start);
                self.out.push(",\"end\":");
                self.out.json(&end);
            }
            self.out.push("}");
        }
        self.out.push("]");
    }

    /// Refers to annotations, which are written at the end.
    fn refer(&mut self, annotations: &'a [Annotation]) {
        if annotations.is_empty() || self.version == JsonVersion::Draft {
            return;
        }
        self.out.push(",\"annotations\":");
        for (index, annotation) in annotations.iter().enumerate() {
            self.out.push(if index > 0 { "," } else { "[" });
            self.out.number(u32::try_from(self.annotations.len()).unwrap_or(u32::MAX));
            self.annotations.push(annotation);
        }
        self.out.push("]");
    }

    fn write_annotations(&mut self) {
        self.out.push(",\n\"annotations\":[");
        for (index, annotation) in self.annotations.split_off(0).into_iter().enumerate() {
            self.out.push(if index > 0 { ",\n{" } else { "{" });
            let Annotation { id, kind, title, url, texts, value } = annotation;
            let mut separator = "\"";
            let plain = [("id", id), ("type", kind), ("title", title), ("value", value)];
            for (member, value) in plain {
                let Some(value) = value else { continue };
                self.out.push(separator);
                separator = ",\"";
                self.out.push(member);
                self.out.push("\":");
                self.out.json(value);
            }
            if let Some(text) = texts.best(self.scope.language) {
                self.out.push(separator);
                separator = ",\"";
                self.out.push("text\":");
                self.out.json(text);
                self.out.push(",\"texts\":");
                self.texts(texts);
            }
            if let Some(url) = url {
                self.out.push(separator);
                self.out.push("links\":[{\"rel\":\"describedby\",\"href\":");
                self.out.json(url);
                self.out.push("}]");
            }
            self.out.push("}");
        }
        self.out.push("]");
    }
}

/// Whether a text may be the identifier of a value.
fn is_item_id(text: &str) -> bool {
    let may_be = |byte: u8| byte.is_ascii_alphanumeric() || b"_@$-".contains(&byte);
    !text.is_empty() && text.bytes().all(may_be)
}

/// Whether a period is the same in all reporting years.
fn is_gregorian(period: &Period) -> bool {
    match period {
        Period::Slot(slot) => {
            matches!(slot.form, PeriodForm::Year | PeriodForm::Month | PeriodForm::Day)
        }
        Period::Other(_) => true,
    }
}
