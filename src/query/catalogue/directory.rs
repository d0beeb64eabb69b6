//! From the names of SQL to what they stand for, for one snapshot.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::mem::swap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::{Error, Result};
use crate::model::{Artefact, ArtefactId, Artefacts, Codelist};
use crate::query::names;
use crate::query::table::{CubeTable, Operators};
use crate::store::{FlowState, Snapshot, fold, is_plain_name};

/// What a table's name stands for. A flow is meant by its position among [`Snapshot::flows`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `ecb.exr`: a dataflow.
    Flow(usize),
    /// `"ECB"."EXR"`: the same under the exact names of SDMX.
    Exact(usize),
    /// `ecb.exr_labels`: the same with the names of codes.
    Labels(usize),
    /// `ecb.exr_dim_currency`: the codes of a dimension that occur.
    Dimension(usize, usize),
    /// `ecb.cl_currency`: a codelist.
    Codelist(ArtefactId),
}

/// The names of one snapshot.
pub struct Directory {
    snapshot: Arc<Snapshot>,
    schemas: BTreeMap<String, HashMap<String, usize>>,
    codelists: OnceLock<BTreeMap<String, BTreeMap<String, ArtefactId>>>,
    /// Tables that were asked for: each keeps what its queries share.
    tables: Mutex<HashMap<usize, Arc<CubeTable>>>,
    operators: Operators,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directory of commit {}", self.snapshot.number())
    }
}

impl Directory {
    /// The names of a snapshot, whose tables are for these operators. Cost: two short texts a
    /// dataflow.
    pub fn new(snapshot: Arc<Snapshot>, operators: Operators) -> Self {
        let mut schemas: BTreeMap<String, HashMap<String, usize>> = BTreeMap::new();
        for (position, state) in snapshot.flows().iter().enumerate() {
            let tables = schemas.entry(state.names.schema.clone()).or_default();
            tables.insert(state.names.table.clone(), position);
        }
        let (codelists, tables) = (OnceLock::new(), Mutex::default());
        Self { snapshot, schemas, codelists, tables, operators }
    }

    /// The table of the dataflow at this position, made when it is first asked for.
    ///
    /// # Errors
    ///
    /// Those of opening the cube.
    pub fn table(&self, position: usize) -> Result<Arc<CubeTable>> {
        let tables = || self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = tables().get(&position) {
            return Ok(Arc::clone(table));
        }
        let cube = self.snapshot.cube(&self.flow(position)?.flow.id)?;
        let table = Arc::new(CubeTable::new(cube)?.with_operators(self.operators));
        Ok(Arc::clone(tables().entry(position).or_insert(table)))
    }

    /// The snapshot that the names are of.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The dataflow at a position.
    ///
    /// # Errors
    ///
    /// [`Error::Bug`] for a position of another snapshot.
    pub fn flow(&self, position: usize) -> Result<&FlowState> {
        let flow = self.snapshot.flows().get(position);
        flow.ok_or_else(|| Error::bug("a dataflow of another snapshot"))
    }

    /// The schemas that hold dataflows or codelists, in order.
    pub fn schemas(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.schemas.keys().map(String::as_str).collect();
        all.extend(self.codelists().keys().map(String::as_str));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Whether a schema of that name holds anything.
    pub fn has_schema(&self, schema: &str) -> bool {
        self.schemas.contains_key(schema) || self.codelists().contains_key(schema)
    }

    /// The schema of the agency with exactly this identifier, letter case included.
    pub fn schema_of_agency(&self, agency: &str) -> Option<&str> {
        let state = self.snapshot.flows().iter().find(|state| state.flow.id.agency == agency);
        state.map(|state| state.names.schema.as_str())
    }

    /// What a name in a schema stands for: a dataflow before what follows from one, and both
    /// before a codelist.
    pub fn find(&self, schema: &str, table: &str) -> Option<Target> {
        if let Some(tables) = self.schemas.get(schema) {
            if let Some(position) = tables.get(table) {
                return Some(Target::Flow(*position));
            }
            let labels = table.strip_suffix("_labels").and_then(|flow| tables.get(flow));
            if let Some(position) = labels {
                return Some(Target::Labels(*position));
            }
            // A flow's name may hold `_dim_` itself, so every place to cut is tried.
            for (at, middle) in table.match_indices("_dim_") {
                let (flow, column) = (&table[..at], &table[at + middle.len()..]);
                let dimension = tables.get(flow).and_then(|position| {
                    let state = self.flow(*position).ok()?;
                    let columns = state.names.columns.iter().take(state.flow.dimensions().len());
                    Some((*position, columns.into_iter().position(|name| name == column)?))
                });
                if let Some((position, dimension)) = dimension {
                    return Some(Target::Dimension(position, dimension));
                }
            }
        }
        let list = self.codelists().get(schema)?.get(table)?;
        Some(Target::Codelist(list.clone()))
    }

    /// What the exact names of SDMX stand for: `ECB`, `EXR` or `EXR(1.0)`; without a version, the
    /// one that has the plain name.
    pub fn find_exact(&self, agency: Option<&str>, table: &str) -> Option<Target> {
        let states = self.snapshot.flows().iter().enumerate();
        let found = states.filter(|(_, state)| {
            let id = &state.flow.id;
            let version = table.strip_prefix(id.id.as_str());
            let version = version.and_then(|rest| rest.strip_prefix('('));
            let version = version.and_then(|rest| rest.strip_suffix(')'));
            agency.is_none_or(|agency| agency == id.agency || agency == state.names.schema)
                && (id.id == table || version == Some(id.version.as_str()))
        });
        let plain = |state: &FlowState| is_plain_name(&state.flow.id, &state.names);
        let order = |a: &FlowState, b: &FlowState| {
            let newer = version_order(&a.flow.id.version, &b.flow.id.version);
            plain(a).cmp(&plain(b)).then(newer)
        };
        let best = found.max_by(|(_, a), (_, b)| order(a, b));
        best.map(|(position, _)| Target::Exact(position))
    }

    /// The tables of a schema: dataflows, what follows from them, codelists. In order.
    pub fn tables(&self, schema: &str) -> Vec<(String, Target)> {
        let mut all = Vec::new();
        for (table, position) in self.schemas.get(schema).into_iter().flatten() {
            all.push((table.clone(), Target::Flow(*position)));
            all.push((format!("{table}_labels"), Target::Labels(*position)));
            let Ok(state) = self.flow(*position) else { continue };
            let dimensions = state.names.columns.iter().take(state.flow.dimensions().len());
            for (dimension, column) in dimensions.enumerate() {
                let target = Target::Dimension(*position, dimension);
                all.push((format!("{table}_dim_{column}"), target));
            }
        }
        for (table, id) in self.codelists().get(schema).into_iter().flatten() {
            all.push((table.clone(), Target::Codelist(id.clone())));
        }
        all.sort_by(|a, b| a.0.cmp(&b.0));
        // A dataflow goes before anything else of its name; `find` agrees.
        all.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same && matches!(later.1, Target::Flow(_)) {
                swap(later, first);
            }
            same
        });
        all
    }

    /// Tables by schema: the newest version of a list has the plain name, the others carry theirs.
    fn codelists(&self) -> &BTreeMap<String, BTreeMap<String, ArtefactId>> {
        self.codelists.get_or_init(|| {
            let states = self.snapshot.flows().iter();
            let schemas: HashMap<&str, &str> = states
                .map(|state| (state.flow.id.agency.as_str(), state.names.schema.as_str()))
                .collect();
            let mut lists: BTreeMap<(String, String), Vec<&ArtefactId>> = BTreeMap::new();
            for artefact in self.snapshot.artefacts().iter() {
                if let Artefact::Codelist(list) = artefact {
                    let id = &list.identity.id;
                    // The schema of an agency is that of its dataflows where it has any.
                    let schema = schemas.get(id.agency.as_str()).map(|s| (*s).to_owned());
                    let schema = schema.unwrap_or_else(|| fold(&id.agency));
                    let key = (schema, fold(&id.id));
                    lists.entry(key).or_default().push(id);
                }
            }
            let mut all: BTreeMap<String, BTreeMap<String, ArtefactId>> = BTreeMap::new();
            for ((schema, table), mut versions) in lists {
                versions.sort_by(|a, b| version_order(&b.version, &a.version));
                let tables = all.entry(schema).or_default();
                for (place, id) in versions.into_iter().enumerate() {
                    let name = match place {
                        0 => table.clone(),
                        _ => fold(&format!("{table}_v{}", id.version)),
                    };
                    tables.entry(name).or_insert_with(|| id.clone());
                }
            }
            all
        })
    }
}

/// The codelist that `ECB:CL_CURRENCY` (its newest version) or `ECB:CL_CURRENCY(1.0)` names.
///
/// # Errors
///
/// [`Error::Invalid`] for another form, [`Error::NotFound`] with the nearest where there is none.
pub fn find_codelist<'a>(artefacts: &'a Artefacts, reference: &str) -> Result<&'a Codelist> {
    let wanted = ArtefactId::parse(reference);
    let wanted = wanted.ok_or_else(|| {
        let reason = "names no codelist; write AGENCY:LIST, such as ECB:CL_CURRENCY";
        Error::invalid(format!("{reference:?}"), reason)
    })?;
    let found = if reference.contains('(') {
        artefacts.codelist(&wanted)
    } else {
        let same = codelists(artefacts).filter(|list| {
            let id = &list.identity.id;
            id.agency == wanted.agency && id.id == wanted.id
        });
        same.max_by(|a, b| version_order(&a.identity.id.version, &b.identity.id.version))
    };
    found.ok_or_else(|| {
        let known: Vec<String> = codelists(artefacts)
            .map(|list| format!("{}:{}", list.identity.id.agency, list.identity.id.id))
            .collect();
        let known = known.iter().map(String::as_str);
        Error::not_found("codelist", names::with_nearest(reference, known))
    })
}

/// All codelists, by identifier.
pub(super) fn codelists(artefacts: &Artefacts) -> impl Iterator<Item = &Codelist> {
    artefacts.iter().filter_map(|artefact| match artefact {
        Artefact::Codelist(list) => Some(list),
        _ => None,
    })
}

/// Orders versions by their numbers: `1.9` before `1.10`, and a draft before what it drafts.
fn version_order(a: &str, b: &str) -> Ordering {
    let parts = |version: &str| -> Vec<u64> {
        let plain = version.split(['-', '+']).next().unwrap_or(version);
        plain.split('.').map(|part| part.parse().unwrap_or(0)).collect()
    };
    parts(a).cmp(&parts(b)).then_with(|| b.contains('-').cmp(&a.contains('-'))).then(a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_versions_by_number() {
        let mut versions = ["1.10", "1.0", "2.0.0", "1.9", "2.0.0-draft", "10.0"];
        versions.sort_by(|a, b| version_order(a, b));
        assert_eq!(versions, ["1.0", "1.9", "1.10", "2.0.0-draft", "2.0.0", "10.0"]);
    }
}
