//! What a reader of SDMX asks for, as plain values: data, availability, structures.
//!
//! Both versions of the REST interface become these ([`crate::sdmx`] parses them), and the store
//! answers these. Source: SDMX REST 2.2.2, `doc/data.md`, `doc/availability.md`,
//! `doc/structures.md`; SDMX REST 1.5, sections 4.3, 4.4 and 4.6.

/// How a term compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `eq`, or none written.
    Equal,
    /// `ne`.
    NotEqual,
    /// `lt`.
    Less,
    /// `le`.
    LessOrEqual,
    /// `gt`.
    Greater,
    /// `ge`.
    GreaterOrEqual,
    /// `co`.
    Contains,
    /// `nc`.
    ContainsNot,
    /// `sw`.
    StartsWith,
    /// `ew`.
    EndsWith,
}

/// One comparison with a value, `ge:2020`. A value that is absent passes no comparison, `ne`
/// included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// How it compares.
    pub operator: Operator,
    /// The value, decoded.
    pub value: String,
}

/// The condition on one component, `c[TIME_PERIOD]=ge:2020+le:2022,2010`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentFilter {
    /// The component: a dimension, the time dimension, a measure or an attribute.
    pub component: String,
    /// Alternatives; within each, every term must pass.
    pub any_of: Vec<Vec<Term>>,
}

/// Which series and observations: a union of keys, then every filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataSelection {
    /// Keys of which one must match: for each dimension in the order of the structure, time left
    /// out, the codes that are wanted, none of them meaning all. No key at all means all. A key may
    /// be shorter than the dimensions: those left out are not restricted.
    pub keys: Vec<Vec<Vec<String>>>,
    /// Conditions that must all pass. `startPeriod` and `endPeriod` are a condition on time.
    pub filters: Vec<ComponentFilter>,
    /// Only what changed after this moment, in microseconds since 1970.
    pub updated_after: Option<i64>,
    /// The day on which a reporting year starts, `--07-01`, where the data do not say.
    pub reporting_year_start: Option<String>,
}

/// The dimension that stands at each observation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AtObservation {
    /// Time where the structure has it, else all dimensions.
    #[default]
    Default,
    /// All dimensions: a flat message.
    All,
    /// One dimension, by its identifier; the time dimension included.
    Dimension(String),
}

/// Which attributes or measures are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// All of the structure.
    #[default]
    All,
    /// None.
    None,
    /// Those with these identifiers, and those attached at these levels.
    Some {
        /// Identifiers of components.
        ids: Vec<String>,
        /// Those of the dataflow (`dataset`).
        dataflow: bool,
        /// Those of groups, partial keys and series (`series`).
        series: bool,
        /// Those of observations (`obs`).
        observation: bool,
    },
}

/// A query for data of one dataflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataQuery {
    /// Which series and observations.
    pub selection: DataSelection,
    /// At most so many observations of each series, from its first on.
    pub first: Option<u64>,
    /// At most so many observations of each series, up to its last.
    pub last: Option<u64>,
    /// The dimension at the observation.
    pub at_observation: AtObservation,
    /// The attributes wanted.
    pub attributes: Wanted,
    /// The measures wanted. With none, and no attribute of observations, series are answered
    /// without observations.
    pub measures: Wanted,
    /// Observations (or series, where none are asked for) to leave out at the beginning.
    pub offset: u64,
    /// At most so many observations (or series).
    pub limit: Option<u64>,
    /// Whether every change is told, and not only the last state.
    pub has_history: bool,
    /// The moment as of which data are answered, in microseconds since 1970; absent for now.
    pub as_of: Option<i64>,
}

impl DataQuery {
    /// The moment after which data must have changed, in microseconds since 1970.
    pub fn updated_after(&self) -> Option<i64> {
        self.selection.updated_after
    }
}

/// What availability lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AvailabilityMode {
    /// The values that occur in the selected data.
    #[default]
    Exact,
    /// For each dimension the values that may be selected, given the selections of the others.
    Available,
}

/// A query for the values that occur in a dataflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AvailabilityQuery {
    /// The data looked at.
    pub selection: DataSelection,
    /// The dimensions listed, none of them meaning all.
    pub components: Vec<String>,
    /// Which values.
    pub mode: AvailabilityMode,
}
