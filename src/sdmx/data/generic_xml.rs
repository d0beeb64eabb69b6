//! SDMX-ML 2.1 generic data: components are named in attributes called `id`.
//!
//! Values of attributes of the dataflow come first, then groups, then series or observations.
//! SDMX 2.1 knows one measure: where a structure has more, those after its first stand among the
//! attributes of the observation. A cell with several values is one value, as in SDMX-CSV.
//!
//! Source: SDMX-ML 2.1, `SDMXDataGenericBase.xsd`.

use std::io;

use crate::model::Cell;
use crate::sdmx::data::groups::Groups;
use crate::sdmx::data::layout::{Layout, key_dimensions, text_of};
use crate::sdmx::data::output::{Output, push_xml};
use crate::sdmx::data::xml_header::{XmlKind, structure_reference, write_header, write_set};
use crate::sdmx::data::{DataScope, DataSet, DataWriter};

/// Writes generic data.
pub(super) struct GenericXml<'a> {
    scope: DataScope<'a>,
    kind: XmlKind,
    layout: Layout,
    groups: Groups<'a>,
    /// The measure that has an element of its own.
    primary: Option<usize>,
    /// What stands before the value of each component, in the order of components.
    tags: Vec<Vec<u8>>,
    out: Output<'a>,
    is_in_series: bool,
}

impl<'a> GenericXml<'a> {
    pub(super) fn new(scope: DataScope<'a>, kind: XmlKind, out: Output<'a>) -> Self {
        let groups = Groups::new(&scope);
        let mut layout = Layout::new(&scope, |key| key.is_empty() || groups.name(key).is_some());
        let measures_from = scope.flow.measures_from();
        let primary = layout.measures.iter().copied().find(|measure| *measure == measures_from);
        let others = layout.measures.iter().filter(|measure| Some(**measure) != primary);
        layout.observation.splice(0..0, others.copied());
        let tags = scope.flow.components().iter().map(|component| {
            let mut tag = b"<generic:Value id=\"".to_vec();
            push_xml(&mut tag, &component.id);
            tag.extend_from_slice(b"\" value=\"");
            tag
        });
        let tags = tags.collect();
        Self { scope, kind, layout, groups, primary, tags, out, is_in_series: false }
    }

    fn begin_set(&mut self, set: &DataSet) -> io::Result<()> {
        self.out.push("<message:DataSet structureRef=\"");
        self.out.push(structure_reference(&self.scope));
        self.out.push("\"");
        write_set(&mut self.out, "", set);
        self.out.push(">\n");
        self.out.flush_if_full()
    }

    fn end_series(&mut self) {
        if self.is_in_series {
            self.out.push("</generic:Series>\n");
            self.is_in_series = false;
        }
    }

    /// An observation of a flat message.
    fn flat_observation(&mut self, cells: &[Cell<'_>]) {
        let Self { layout, tags, out, .. } = self;
        out.push("<generic:Obs>");
        write_values(out, "generic:ObsKey", tags, &layout.observation_key, cells);
        self.rest_of_observation(cells);
    }

    fn rest_of_observation(&mut self, cells: &[Cell<'_>]) {
        let Self { layout, tags, out, .. } = self;
        if let Some(text) = self.primary.and_then(|position| text_of(cells, position)) {
            out.push("<generic:ObsValue value=\"");
            out.xml(text);
            out.push("\"/>");
        }
        write_values(out, "generic:Attributes", tags, &layout.observation, cells);
        out.push("</generic:Obs>\n");
    }
}

impl DataWriter for GenericXml<'_> {
    fn begin(&mut self) -> io::Result<()> {
        write_header(&mut self.out, self.kind, &self.scope, &self.layout);
        let set = self.scope.set;
        self.begin_set(&set)
    }

    fn partial(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let Self { layout, tags, out, .. } = self;
        if !layout.apart.iter().any(|position| text_of(cells, *position).is_some()) {
            return Ok(());
        }
        let key = key_dimensions(cells, self.scope.flow.dimensions().len());
        if key.is_empty() {
            write_values(out, "generic:Attributes", tags, &layout.apart, cells);
            out.push("\n");
        } else if let Some(name) = self.groups.name(&key) {
            out.push("<generic:Group type=\"");
            out.xml(name);
            out.push("\">");
            write_values(out, "generic:GroupKey", tags, &key, cells);
            write_values(out, "generic:Attributes", tags, &layout.apart, cells);
            out.push("</generic:Group>\n");
        }
        out.flush_if_full()
    }

    fn series(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if self.layout.is_flat {
            if !self.scope.has_observations {
                self.flat_observation(cells);
            }
            return self.out.flush_if_full();
        }
        self.end_series();
        let Self { layout, tags, out, .. } = self;
        out.push("<generic:Series>");
        write_values(out, "generic:SeriesKey", tags, &layout.series_key, cells);
        write_values(out, "generic:Attributes", tags, &layout.series, cells);
        out.push("\n");
        self.is_in_series = true;
        self.out.flush_if_full()
    }

    #[inline]
    fn observation(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if self.layout.is_flat {
            self.flat_observation(cells);
        } else {
            self.out.push("<generic:Obs><generic:ObsDimension value=\"");
            for position in &self.layout.observation_key {
                self.out.xml(text_of(cells, *position).unwrap_or_default());
            }
            self.out.push("\"/>");
            self.rest_of_observation(cells);
        }
        self.out.flush_if_full()
    }

    fn next_set(&mut self, set: &DataSet) -> io::Result<()> {
        self.end_series();
        self.out.push("</message:DataSet>\n");
        self.begin_set(set)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.end_series();
        self.out.push("</message:DataSet>\n</");
        self.out.push(self.kind.root());
        self.out.push(">\n");
        self.out.flush()
    }
}

/// Writes an element with a value for each component that has one; nothing where none has.
#[inline]
fn write_values(
    out: &mut Output<'_>,
    element: &str,
    tags: &[Vec<u8>],
    positions: &[usize],
    cells: &[Cell<'_>],
) {
    let mut is_empty = true;
    for position in positions {
        let Some(text) = text_of(cells, *position) else { continue };
        if is_empty {
            out.push("<");
            out.push(element);
            out.push(">");
            is_empty = false;
        }
        out.push(tags.get(*position).map(Vec::as_slice).unwrap_or_default());
        out.xml(text);
        out.push("\"/>");
    }
    if !is_empty {
        out.push("</");
        out.push(element);
        out.push(">");
    }
}
