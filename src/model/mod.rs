//! The SDMX information model as plain values: no bytes, no I/O.
//!
//! Read in this order: `artefact` (what identifies and names things), `codelist` (codes and
//! concepts), `extension` (lists that take over codes of others), `hierarchy`, `structure` (a data
//! structure as its message defines it), `artefacts` (all artefacts together, and the references
//! between them), `flow` (a dataflow with every reference resolved: what the store and SQL work
//! with), `period`, `span` (when a period begins and ends), `decimal`, `value`, `key` (keys as
//! people write them), `row` (one row of a data message), `request` (what a reader of SDMX asks
//! for), `version` (versions, and patterns of them), `structure_query` (what a reader asks for of
//! structures), `availability` (what occurs in a dataflow), `moment` and `zone`
//! (times as people write them, anywhere and in an office).
//!
//! **Invariant:** text that came in goes out unchanged. A period, a value or a code is normalised
//! nowhere; what is computed from it (a slot, a mantissa, a date) stands beside it.

mod artefact;
mod artefacts;
mod availability;
mod codelist;
mod decimal;
mod extension;
mod flow;
mod hierarchy;
mod key;
mod moment;
mod period;
mod request;
mod row;
mod span;
mod structure;
mod structure_query;
mod value;
mod version;
mod zone;

pub use artefact::{Annotation, ArtefactId, Identity, Names};
pub use artefacts::{Artefact, ArtefactClass, Artefacts};
pub use availability::{Availability, AvailableCodes, TimeCoverage};
pub use codelist::{Cascade, CodeSelection, CodelistExtension, IsoConcept, MemberValue};
pub use codelist::{Code, Codelist, Concept, ConceptScheme};
pub use decimal::Decimal;
pub use flow::{Component, ComponentRole, Flow};
pub use hierarchy::{HierarchicalCodelist, Hierarchy, HierarchyNode, Level};
pub use key::KeyPattern;
pub use moment::{parse_moment, write_moment};
pub use period::{BadPeriod, Period, PeriodForm, Slot};
pub use request::{AtObservation, AvailabilityMode, AvailabilityQuery, ComponentFilter, DataQuery};
pub use request::{DataSelection, Operator, Term, Wanted};
pub use row::{Action, Cell, NOT_ATTACHED, Row};
pub use span::{ReportingYearStart, Span};
pub use structure::{Attachment, Attribute, DataStructure, Dataflow, Dimension, Group, Measure};
pub use structure::{ConceptRef, Occurs, Representation, SentinelValue, TextType};
pub use structure_query::{Detail, References, StructureQuery, classes_of_resource};
pub use value::{Value, decimal_of_text, number_of_text};
pub use version::{VersionChoice, VersionPattern, compare_versions};
pub use zone::{Zone, whole_minute};
