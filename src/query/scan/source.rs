//! A cube as a table: what its columns are, and the arrays that their texts come from.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::iter;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow::array::StringViewArray;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::error::Result;
use crate::model::{ComponentRole, Flow, PeriodForm};
use crate::query::scan::{PageBounds, PeriodTable, bounds};
use crate::store::{Cube, SeriesFilter, SqlNames, text_column};

/// The key of the field metadata that holds the SDMX identifier of a column's component.
pub(crate) const SDMX_ID: &str = "sdmx.id";
/// The key of the field metadata that says what a column is: `dimension`, `time`, `measure`,
/// `attribute`, or of a column that follows from another, `period` or `text`.
pub(crate) const SDMX_ROLE: &str = "sdmx.role";

/// What a column of the table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// The code of a dimension.
    Code(usize),
    /// The text of the period.
    PeriodText,
    /// The first day or moment of the period.
    PeriodStart,
    /// The last day of the period, or the first moment after it.
    PeriodEnd,
    /// A measure as a number; NULL where it has none.
    Number(usize),
    /// A measure exactly as published; NULL where it is missing.
    Text(usize),
    /// An attribute of the whole, of a partial key or of the series, by its position among
    /// [`Flow::attributes`].
    KeyAttribute(usize),
    /// An attribute of the observation, likewise.
    Attribute(usize),
}

impl Content {
    /// Whether the column follows from the period alone.
    pub fn is_period(self) -> bool {
        matches!(self, Self::PeriodText | Self::PeriodStart | Self::PeriodEnd)
    }
}

/// A cube, and all about its table that every query on it shares.
pub struct Source {
    cube: Arc<Cube>,
    name: String,
    schema: SchemaRef,
    contents: Vec<Content>,
    forms: Vec<(PeriodForm, Range<i32>)>,
    has_other_periods: bool,
    codes: Vec<OnceLock<StringViewArray>>,
    periods: OnceLock<Option<PeriodTable>>,
    live_series: OnceLock<u64>,
    /// Of each measure.
    bounds: Vec<OnceLock<Vec<Vec<PageBounds>>>>,
}

impl Source {
    /// The table of `cube` under its fixed names.
    ///
    /// # Errors
    ///
    /// As of reading which periods the cube has.
    pub fn new(cube: Arc<Cube>) -> Result<Self> {
        let forms = cube.forms()?.to_vec();
        let has_other_periods = cube.has_other_periods()?;
        let names = &cube.entry().names;
        let columns = columns(cube.flow(), names, &forms, has_other_periods);
        let (fields, contents) = columns.into_iter().unzip::<_, _, Vec<_>, _>();
        let name = format!("{}.{}", names.schema, names.table);
        Ok(Self {
            name,
            schema: Arc::new(Schema::new(fields)),
            contents,
            forms,
            has_other_periods,
            codes: cube.flow().dimensions().iter().map(|_| OnceLock::new()).collect(),
            periods: OnceLock::new(),
            live_series: OnceLock::new(),
            bounds: cube.flow().measures().iter().map(|_| OnceLock::new()).collect(),
            cube,
        })
    }

    /// The cube.
    pub fn cube(&self) -> &Arc<Cube> {
        &self.cube
    }

    /// The qualified name of the table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns: dimensions, period, measures each with its text, attributes.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What each column shows.
    pub fn contents(&self) -> &[Content] {
        &self.contents
    }

    /// The codes of a dimension, each at its number.
    pub fn codes(&self, dimension: usize) -> &StringViewArray {
        let all = || StringViewArray::from_iter_values(self.cube.codes(dimension).iter());
        self.codes[dimension].get_or_init(all)
    }

    /// All regular periods between the first and the last of each form. Absent if there are too
    /// many of them.
    pub fn periods(&self) -> Option<&PeriodTable> {
        let build = || PeriodTable::build(&self.forms, self.has_other_periods);
        self.periods.get_or_init(build).as_ref()
    }

    /// The number of all series that are there at this snapshot; one that stands in several parts
    /// counts for each.
    ///
    /// # Errors
    ///
    /// As of reading the footers of the cube's segments.
    pub fn live_series(&self) -> Result<u64> {
        if let Some(known) = self.live_series.get() {
            return Ok(*known);
        }
        let count = self.cube.select(&SeriesFilter::All)?.len();
        Ok(*self.live_series.get_or_init(|| count))
    }

    /// The least and greatest values of a measure, page by page of the series of each part.
    ///
    /// # Errors
    ///
    /// As of reading the stored totals.
    pub(crate) fn bounds(&self, measure: usize) -> Result<&[Vec<PageBounds>]> {
        if let Some(known) = self.bounds[measure].get() {
            return Ok(known);
        }
        let found = bounds::of_measure(&self.cube, measure)?;
        Ok(self.bounds[measure].get_or_init(|| found))
    }

    /// Whether every observation of the cube is at a period of [`Source::periods`].
    pub fn has_only_regular_periods(&self) -> bool {
        !self.has_other_periods && self.periods().is_some()
    }

    /// Whether some periods are known by their text only.
    pub fn has_other_periods(&self) -> bool {
        self.has_other_periods
    }

    /// The number of slots between the first and the last of each form.
    pub fn slot_count(&self) -> usize {
        self.forms.iter().map(|(_, hull)| hull.len()).sum()
    }

    /// The columns that identify a row: dimensions and time.
    pub fn key_columns(&self) -> Vec<usize> {
        let is_key = |c: &Content| matches!(c, Content::Code(_) | Content::PeriodText);
        let columns = self.contents.iter().enumerate();
        columns.filter_map(|(index, content)| is_key(content).then_some(index)).collect()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The columns of the table in their order.
fn columns(
    flow: &Flow,
    names: &SqlNames,
    forms: &[(PeriodForm, Range<i32>)],
    has_other_periods: bool,
) -> Vec<(Field, Content)> {
    let moment = if has_other_periods {
        DataType::Timestamp(TimeUnit::Microsecond, None)
    } else {
        DataType::Date32
    };
    // Weeks and days that a reporting year does not have begin and end nowhere.
    let may_lack_days = has_other_periods
        || forms.iter().any(|(form, _)| {
            matches!(form, PeriodForm::Week | PeriodForm::ReportingDay | PeriodForm::Timeless)
        });
    let mut used: HashSet<String> = names.columns.iter().cloned().collect();
    let mut columns = Vec::with_capacity(names.columns.len() + 4);
    let measures_from = flow.measures_from();
    let attributes_from = flow.attributes_from();
    for (index, component) in flow.components().iter().enumerate() {
        let name = &names.columns[index];
        let field = |name: &str, data_type: DataType, nullable: bool, role: &str| {
            let metadata = [(SDMX_ID, component.id.as_str()), (SDMX_ROLE, role)];
            let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
            Field::new(name, data_type, nullable).with_metadata(HashMap::from(metadata))
        };
        match &component.role {
            ComponentRole::Dimension => {
                let field = field(name, DataType::Utf8View, false, "dimension");
                columns.push((field, Content::Code(index)));
            }
            ComponentRole::Time => {
                columns.push((field(name, DataType::Utf8View, false, "time"), Content::PeriodText));
                for (name, content) in
                    [("period_start", Content::PeriodStart), ("period_end", Content::PeriodEnd)]
                {
                    let name = unused(name, &mut used);
                    columns.push((field(&name, moment.clone(), may_lack_days, "period"), content));
                }
            }
            ComponentRole::Measure => {
                let measure = index - measures_from;
                let number = field(name, DataType::Float64, true, "measure");
                columns.push((number, Content::Number(measure)));
                let name = unused(&text_column(name), &mut used);
                let text = field(&name, DataType::Utf8View, true, "text");
                columns.push((text, Content::Text(measure)));
            }
            ComponentRole::KeyAttribute(_) => {
                let field = field(name, DataType::Utf8View, true, "attribute");
                columns.push((field, Content::KeyAttribute(index - attributes_from)));
            }
            ComponentRole::ObservationAttribute => {
                let field = field(name, DataType::Utf8View, true, "attribute");
                columns.push((field, Content::Attribute(index - attributes_from)));
            }
        }
    }
    columns
}

/// A name that no component has: this one, or with a number behind it.
fn unused(name: &str, used: &mut HashSet<String>) -> String {
    let numbered = (2..).map(|number: u32| format!("{name}_{number}"));
    let mut candidates = iter::once(name.to_owned()).chain(numbered);
    let free = candidates.find(|candidate| used.insert(candidate.clone()));
    free.unwrap_or_else(|| name.to_owned())
}
