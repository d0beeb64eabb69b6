//! Names in SQL: deterministic, fixed when a dataflow is first loaded, and later changed only by
//! who moves the plain name to another version.
//!
//! Lower case, every character outside `[a-z0-9_]` as `_`, a leading digit after `_`, at most 63
//! bytes with a hash where it was cut; a suffix where two would be equal.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::catalog::{FlowEntry, SqlNames};
use crate::model::{ArtefactId, Flow};

/// The longest name that PostgreSQL and its clients carry, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// Suffixes that are tried.
const SUFFIX_MAX: u32 = 10_000;

/// Columns that every table has beside the components, and so must not be a component's name.
const OWN_COLUMNS: [&str; 2] = ["period_start", "period_end"];

/// The name in SQL of an identifier, not yet checked against others.
pub fn fold(id: &str) -> String {
    let mut name = String::with_capacity(id.len() + 1);
    if id.is_empty() || id.starts_with(|c: char| c.is_ascii_digit()) {
        name.push('_');
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    name.extend(id.chars().map(plain));
    cut(name, id)
}

fn cut(mut name: String, id: &str) -> String {
    if name.len() > NAME_BYTES_MAX {
        name.truncate(NAME_BYTES_MAX - 9);
        // Writing to a string cannot fail.
        write!(name, "_{:08x}", crc32c::crc32c(id.as_bytes())).unwrap_or_default();
    }
    name
}

/// The column of a measure's published text.
pub fn text_column(measure_column: &str) -> String {
    cut(format!("{measure_column}_text"), measure_column)
}

fn with_version(id: &ArtefactId) -> String {
    fold(&format!("{}_v{}", id.id, id.version))
}

/// Whether a dataflow has the plain name among its versions.
pub fn is_plain_name(id: &ArtefactId, names: &SqlNames) -> bool {
    !names.table.contains(&with_version(id))
}

/// Chooses the names of a flow beside those of `others`. The plain name is that of the version that
/// came first; `exr_v1_0` is another.
pub(crate) fn choose(flow: &Flow, others: &[&FlowEntry]) -> SqlNames {
    let schema = fold(&flow.id.agency);
    let free = |name: &str| {
        // `exr_labels` and `exr_dim_currency` belong to `exr`.
        let owners = others.iter().filter(|known| known.names.schema == schema);
        let mut related = owners.map(|known| &known.names.table);
        !related.any(|table| {
            let (long, short) = if table.len() > name.len() {
                (table.as_str(), name)
            } else {
                (name, table.as_str())
            };
            let rest = long.strip_prefix(short);
            rest.is_some_and(|rest| {
                rest.is_empty() || rest == "_labels" || rest.starts_with("_dim_")
            })
        })
    };
    let is_other_version =
        |known: &&FlowEntry| known.id.agency == flow.id.agency && known.id.id == flow.id.id;
    let folded = if others.iter().any(is_other_version) {
        with_version(&flow.id)
    } else {
        fold(&flow.id.id)
    };
    // `ecb.cl_currency` is a codelist and `ecb.exr_dim_currency` belongs to `ecb.exr`: no suffix
    // makes a dataflow of such a name anything else.
    let belongs = |known: &&FlowEntry| {
        let rest = folded.strip_prefix(known.names.table.as_str());
        known.names.schema == schema && rest.is_some_and(|rest| rest.starts_with("_dim_"))
    };
    let folded = if folded.starts_with("cl_") || others.iter().any(belongs) {
        cut(format!("flow_{folded}"), &flow.id.id)
    } else {
        folded
    };
    let table = distinct(&folded, free);
    let mut used: HashSet<String> = OWN_COLUMNS.iter().map(|name| (*name).to_owned()).collect();
    let mut columns = Vec::with_capacity(flow.components().len());
    let measures = flow.measures_from()..flow.attributes_from();
    for (position, component) in flow.components().iter().enumerate() {
        let is_measure = measures.contains(&position);
        let free =
            |name: &str| !(used.contains(name) || is_measure && used.contains(&text_column(name)));
        let name = distinct(&fold(&component.id), free);
        if is_measure {
            used.insert(text_column(&name));
        }
        used.insert(name.clone());
        columns.push(name);
    }
    SqlNames { schema, table, columns }
}

/// The name, or the name with the first suffix `_2`, `_3` and so on that is free; with a hash where
/// none is.
fn distinct(name: &str, free: impl Fn(&str) -> bool) -> String {
    if free(name) {
        return name.to_owned();
    }
    let with = |suffix: &str| {
        let room = NAME_BYTES_MAX - suffix.len();
        format!("{}{suffix}", name.get(..room.min(name.len())).unwrap_or(name))
    };
    let mut candidates = (2..SUFFIX_MAX).map(|number| with(&format!("_{number}")));
    let found = candidates.find(|candidate| free(candidate));
    found.unwrap_or_else(|| with(&format!("_{:08x}", crc32c::crc32c(name.as_bytes()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_to_plain_names() {
        let check = |id: &str, expected: &str| assert_eq!(fold(id), expected);
        check("EXR", "exr");
        check("ECB.DISS", "ecb_diss");
        check("A-B@C$D", "a_b_c_d");
        check("2020_X", "_2020_x");
        check("", "_");
        check("Ümlaut", "_mlaut");
        let long = "X".repeat(80);
        assert_eq!(fold(&long).len(), NAME_BYTES_MAX);
        assert_ne!(fold(&long), fold(&format!("{long}Y")));
    }

    /// A table's name must end up free whatever the dataflow is called.
    #[test]
    fn a_flow_may_be_called_like_a_codelist() {
        use crate::model::{Artefact, ArtefactId, Artefacts, DataStructure, Dataflow, Identity};
        let id = ArtefactId::new("X", "CL_THING", "1.0");
        let identity = Identity::named(id.clone(), "A dataflow");
        let structure = DataStructure {
            identity: identity.clone(),
            dimensions: Vec::new(),
            time: None,
            measures: Vec::new(),
            attributes: Vec::new(),
            groups: Vec::new(),
        };
        let flow = Dataflow { identity, structure: id.clone() };
        let all = vec![Artefact::DataStructure(structure), Artefact::Dataflow(flow)];
        let flow = Flow::resolve(&id, &Artefacts::from(all)).expect("resolves");
        let names = choose(&flow, &[]);
        assert_eq!(names.table, "flow_cl_thing");
        // Another version of it is called by its version.
        let other = ArtefactId::new("X", "CL_THING", "0.9");
        let other = FlowEntry { id: other, names, dimension_order: Vec::new() };
        assert_eq!(choose(&flow, &[&other]).table, "flow_cl_thing_v1_0");
    }

    #[test]
    fn a_taken_name_gets_the_first_free_suffix() {
        let taken = ["a_b", "a_b_2"];
        assert_eq!(distinct("a_b", |name| !taken.contains(&name)), "a_b_3");
        assert_eq!(distinct("b", |name| !taken.contains(&name)), "b");
    }
}
