//! Structure-specific data of SDMX-ML 2.1 and 3.0: components are attributes of XML elements.
//!
//! In 2.1, attributes of the dataflow are attributes of the data set, and those of partial keys
//! without a group stand with the series. In 3.0 both have elements of their own, `Atts`, and cells
//! with several values are elements `Comp`; in 2.1 such a cell is one value, as in SDMX-CSV.
//!
//! Source: `SDMXDataStructureSpecificBase.xsd` (2.1), `SDMXDataStructureSpecific.xsd` (3.0).

use std::io;

use crate::error::Error;
use crate::model::{Cell, ComponentRole};
use crate::sdmx::data::groups::Groups;
use crate::sdmx::data::layout::{Layout, key_dimensions, text_of};
use crate::sdmx::data::output::{Output, push_xml};
use crate::sdmx::data::xml_header::{XmlKind, structure_reference, write_header, write_set};
use crate::sdmx::data::{DataScope, DataSet, DataWriter, arrays};

/// Writes structure-specific data.
pub(super) struct SpecificXml<'a> {
    scope: DataScope<'a>,
    kind: XmlKind,
    layout: Layout,
    groups: Groups<'a>,
    components: Vec<Name>,
    out: Output<'a>,
    /// Whether the tag of the data set is still open, for attributes of the dataflow.
    is_in_tag: bool,
    is_in_series: bool,
}

/// What a component is called in the message.
struct Name {
    /// What stands before its value, where it is an attribute of XML.
    attribute: Vec<u8>,
    /// What stands before its values, where it is an element.
    element: Option<Vec<u8>>,
}

impl<'a> SpecificXml<'a> {
    pub(super) fn new(scope: DataScope<'a>, kind: XmlKind, out: Output<'a>) -> Self {
        let groups = Groups::new(&scope);
        let layout = Layout::new(&scope, |key| {
            kind == XmlKind::Specific30 || key.is_empty() || groups.name(key).is_some()
        });
        let components = scope.flow.components().iter().map(|component| {
            let mut id = Vec::new();
            push_xml(&mut id, &component.id);
            let is_array = component.is_multiple && kind == XmlKind::Specific30;
            let suffix: &[u8] = match component.role {
                ComponentRole::Measure => b"_MEASURE\">",
                _ => b"_ATTRIBUTE\">",
            };
            let element = is_array
                .then(|| [b"<Comp id=\"", &id[..], b"\" xsi:type=\"ns1:", &id, suffix].concat());
            Name { attribute: [b" ", &id[..], b"=\""].concat(), element }
        });
        let components = components.collect();
        let (is_in_tag, is_in_series) = (false, false);
        Self { scope, kind, layout, groups, components, out, is_in_tag, is_in_series }
    }

    /// Checks that every component may be the name of an attribute in XML.
    fn check_names(&self) -> io::Result<()> {
        let of_name = |c: char| c.is_alphanumeric() || c == '_';
        let is_name = |id: &str| {
            let rest = id.strip_prefix(|c: char| of_name(c) && !c.is_ascii_digit());
            rest.is_some_and(|rest| rest.chars().all(|c| of_name(c) || c == '-' || c == '.'))
        };
        let bad = self.scope.flow.components().iter().find(|component| !is_name(&component.id));
        bad.map_or(Ok(()), |component| {
            let at = format!("data structure {}", self.scope.flow.structure);
            let id = &component.id;
            let reason = format!("{id} cannot name an attribute of XML: ask for another format");
            Err(io::Error::other(Error::invalid(at, reason)))
        })
    }

    fn begin_set(&mut self, set: &DataSet) -> io::Result<()> {
        self.out.push("<message:DataSet data:structureRef=\"");
        self.out.push(structure_reference(&self.scope));
        self.out.push("\" xsi:type=\"ns1:DataSetType\"");
        write_set(&mut self.out, "data:", set);
        if self.kind != XmlKind::Specific30 {
            self.out.push(" data:dataScope=\"DataStructure\"");
        }
        self.is_in_tag = true;
        self.out.flush_if_full()
    }

    /// Ends the tag of the data set, once.
    fn end_tag(&mut self) {
        if self.is_in_tag {
            self.out.push(">\n");
            self.is_in_tag = false;
        }
    }

    fn end_series(&mut self) {
        if self.is_in_series {
            self.out.push("</Series>\n");
            self.is_in_series = false;
        }
    }

    /// Writes the attributes of the dataflow or of a partial key as an element of their own.
    fn element_apart(&mut self, group: Option<&str>, key: &[usize], cells: &[Cell<'_>]) {
        let Self { layout, components, out, .. } = self;
        out.push(if group.is_some() { "<Group" } else { "<Atts" });
        if let Some(group) = group {
            out.push(" xsi:type=\"ns1:");
            out.xml(group);
            out.push("\"");
        }
        write_attributes(out, components, key, cells);
        write_attributes(out, components, &layout.apart, cells);
        let has_elements = write_elements(out, components, &layout.apart, cells);
        out.push(match (has_elements, group) {
            (false, _) => "/>\n",
            (true, Some(_)) => "</Group>\n",
            (true, None) => "</Atts>\n",
        });
    }

    /// Writes an observation, with the key of its series in a flat message.
    #[inline]
    fn element_of_observation(&mut self, cells: &[Cell<'_>]) {
        let Self { layout, components, out, .. } = self;
        out.push("<Obs");
        write_attributes(out, components, &layout.observation_key, cells);
        write_attributes(out, components, &layout.measures, cells);
        write_attributes(out, components, &layout.observation, cells);
        let all = layout.measures.iter().chain(&layout.observation);
        let has_elements = write_elements(out, components, all, cells);
        out.push(if has_elements { "</Obs>\n" } else { "/>\n" });
    }
}

/// Writes the components at these positions as attributes of the tag that is open, but for those
/// that are elements.
#[inline]
fn write_attributes(
    out: &mut Output<'_>,
    components: &[Name],
    positions: &[usize],
    cells: &[Cell<'_>],
) {
    for position in positions {
        let Some(text) = text_of(cells, *position) else { continue };
        let Some(name) = components.get(*position) else { continue };
        if name.element.is_none() {
            out.push(&name.attribute);
            out.xml(text);
            out.push("\"");
        }
    }
}

/// Writes the components at these positions that are elements, after the tag that is open: where
/// there is any, the tag is ended, and the answer is yes.
#[inline]
fn write_elements<'p>(
    out: &mut Output<'_>,
    components: &[Name],
    positions: impl IntoIterator<Item = &'p usize>,
    cells: &[Cell<'_>],
) -> bool {
    let mut has_any = false;
    for position in positions {
        let element = components.get(*position).and_then(|name| name.element.as_ref());
        let Some((element, text)) = element.zip(text_of(cells, *position)) else { continue };
        if !has_any {
            out.push(">");
            has_any = true;
        }
        out.push(element);
        for value in arrays::values(text) {
            out.push("<Value>");
            out.xml(&value);
            out.push("</Value>");
        }
        out.push("</Comp>");
    }
    has_any
}

impl DataWriter for SpecificXml<'_> {
    fn begin(&mut self) -> io::Result<()> {
        self.check_names()?;
        write_header(&mut self.out, self.kind, &self.scope, &self.layout);
        let set = self.scope.set;
        self.begin_set(&set)
    }

    fn partial(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if !self.layout.apart.iter().any(|position| text_of(cells, *position).is_some()) {
            return Ok(());
        }
        let key = key_dimensions(cells, self.scope.flow.dimensions().len());
        if key.is_empty() && self.kind != XmlKind::Specific30 && self.is_in_tag {
            write_attributes(&mut self.out, &self.components, &self.layout.apart, cells);
            return self.out.flush_if_full();
        }
        self.end_tag();
        if let Some(name) = self.groups.name(&key) {
            self.element_apart(Some(name), &key, cells);
        } else if self.kind == XmlKind::Specific30 {
            self.element_apart(None, &key, cells);
        }
        self.out.flush_if_full()
    }

    fn series(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.end_tag();
        if self.layout.is_flat {
            if !self.scope.has_observations {
                self.element_of_observation(cells);
            }
            return self.out.flush_if_full();
        }
        self.end_series();
        let Self { layout, components, out, .. } = self;
        out.push("<Series");
        write_attributes(out, components, &layout.series_key, cells);
        write_attributes(out, components, &layout.series, cells);
        let has_elements = write_elements(out, components, &layout.series, cells);
        if self.scope.has_observations {
            out.push(if has_elements { "\n" } else { ">\n" });
            self.is_in_series = true;
        } else {
            out.push(if has_elements { "</Series>\n" } else { "/>\n" });
        }
        self.out.flush_if_full()
    }

    #[inline]
    fn observation(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.element_of_observation(cells);
        self.out.flush_if_full()
    }

    fn next_set(&mut self, set: &DataSet) -> io::Result<()> {
        self.end_tag();
        self.end_series();
        self.out.push("</message:DataSet>\n");
        self.begin_set(set)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.end_tag();
        self.end_series();
        self.out.push("</message:DataSet>\n</");
        self.out.push(self.kind.root());
        self.out.push(">\n");
        self.out.flush()
    }
}
