//! The catalogue of one session as DataFusion sees it: databases, schemas, tables.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result, TableReference};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{ScalarUDF, TableType};
use futures::FutureExt;

use crate::error::{self, Error};
use crate::query::catalogue::directory::{Directory, Target};
use crate::query::catalogue::listing::Listing;
use crate::query::catalogue::{codes, dates, information, sdmx, views};
use crate::query::error::{from_datafusion, to_datafusion};
use crate::query::functions::{Labels, label_function};
use crate::query::guard::{self, Request};
use crate::query::names;
use crate::store::FlowState;

/// The name of the one database.
pub const DATABASE: &str = "sdmxdb";
/// The schema that a table without one is looked up in: it holds nothing itself, and finds a name
/// on the search path, then wherever it is the only one.
pub const SEARCH_SCHEMA: &str = "public";
/// The schema of the catalogue itself.
const OWN: &str = "sdmx_catalog";
const INFORMATION: &str = "information_schema";
/// Its tables, apart from the views that ship as SQL.
const OWN_TABLES: [&str; 8] = [
    "codelists",
    "codes",
    "commits",
    "components",
    "dataflows",
    "dim_date",
    "hierarchies",
    "releases",
];

/// Makes a schema that a front adds, such as `pg_catalog`, over a catalogue.
pub type SchemaFactory = Arc<dyn Fn(&Arc<Catalogue>) -> Arc<dyn SchemaProvider> + Send + Sync>;

/// A directory as one session sees it.
pub struct Catalogue {
    directory: Arc<Directory>,
    language: String,
    search_path: Vec<String>,
    label: Arc<ScalarUDF>,
    tables: Mutex<HashMap<(String, String), Arc<dyn TableProvider>>>,
    added: Vec<(String, SchemaFactory)>,
    /// Plans the views that ship as SQL.
    planner: SessionState,
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Catalogue over {:?}", self.directory)
    }
}

impl Catalogue {
    /// The catalogue in a language, with the schemas that a name without one is looked up in first
    /// and the schemas that a front adds. `planner` has the functions that views may use.
    pub fn new(
        directory: Arc<Directory>,
        labels: &Arc<Labels>,
        language: &str,
        search_path: Vec<String>,
        added: Vec<(String, SchemaFactory)>,
        planner: SessionState,
    ) -> Self {
        let label = Arc::new(label_function(labels, language));
        let language = language.to_owned();
        let tables = Mutex::default();
        Self { directory, language, search_path, label, tables, added, planner }
    }

    /// The names that it is over.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// The language of names.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// The schemas, in order.
    pub fn schema_names(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.directory.schemas().into_iter().map(str::to_owned).collect();
        all.extend([INFORMATION, OWN, SEARCH_SCHEMA].map(str::to_owned));
        all.extend(self.added.iter().map(|(name, _)| name.clone()));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The tables of a schema, in order.
    pub fn tables(&self, schema: &str) -> Vec<(String, TableType)> {
        let own = |name: &str, kind| (name.to_owned(), kind);
        match schema {
            INFORMATION => {
                information::TABLES.iter().map(|name| own(name, TableType::View)).collect()
            }
            OWN => {
                let mut all: Vec<_> =
                    OWN_TABLES.iter().map(|name| own(name, TableType::Base)).collect();
                all.extend(views::SHIPPED.iter().map(|(name, _)| own(name, TableType::View)));
                all.sort_by(|a, b| a.0.cmp(&b.0));
                all
            }
            _ => {
                let kind = |target: &Target| match target {
                    Target::Exact(_) | Target::Labels(_) => TableType::View,
                    Target::Flow(_) | Target::Dimension(..) | Target::Codelist(_) => {
                        TableType::Base
                    }
                };
                let tables = self.directory.tables(schema).into_iter();
                tables.map(|(name, target)| (name, kind(&target))).collect()
            }
        }
    }

    /// The table of a name. Absent if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the name has no schema and several agencies have such a table.
    pub fn provider(
        self: &Arc<Self>,
        schema: &str,
        table: &str,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        match schema {
            INFORMATION => return self.information(table),
            OWN => return self.own(table),
            // An agency may have the name of the schema that is searched.
            SEARCH_SCHEMA if self.directory.find(schema, table).is_none() => {
                return self.searched(table);
            }
            _ => {}
        }
        let Some(target) = self.target(schema, table) else { return Ok(None) };
        let key = (schema.to_owned(), table.to_owned());
        let known = self.tables.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return Ok(Some(known));
        }
        let made = self.make(&target)?;
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(Arc::clone(tables.entry(key).or_insert(made))))
    }

    /// The dataflow that a text names: `ECB:EXR`, `ECB:EXR(1.0)`, `ecb.exr`, or `exr` where it is on
    /// the search path or the only one of its name.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] with the nearest, [`Error::Invalid`] if there are several.
    pub fn flow(&self, text: &str) -> error::Result<&FlowState> {
        let position = |target| match target {
            Target::Flow(position) | Target::Exact(position) => Some(position),
            Target::Labels(_) | Target::Dimension(..) | Target::Codelist(_) => None,
        };
        if let Some((agency, id)) = text.split_once(':') {
            let found = self.directory.find_exact(Some(agency), id).and_then(position);
            return found
                .map_or_else(|| Err(self.unknown_flow(text)), |at| self.directory.flow(at));
        }
        let name = TableReference::parse_str(text);
        let of = |schema: &str| self.target(schema, name.table()).and_then(position);
        if let Some(schema) = name.schema() {
            return of(schema)
                .map_or_else(|| Err(self.unknown_flow(text)), |at| self.directory.flow(at));
        }
        let mut found = self.search_path.iter().filter_map(|schema| of(schema));
        if let Some(first) = found.next() {
            return self.directory.flow(first);
        }
        let mut found: Vec<usize> = self.directory.schemas().into_iter().filter_map(of).collect();
        found.dedup();
        match found.as_slice() {
            [] => Err(self.unknown_flow(text)),
            [one] => self.directory.flow(*one),
            _ => Err(Error::invalid(
                format!("dataflow {text:?}"),
                "is in several schemas; write one before it",
            )),
        }
    }

    fn unknown_flow(&self, text: &str) -> Error {
        let flows = self.directory.snapshot().flows().iter();
        let known: Vec<String> = if text.contains(':') {
            flows.map(|flow| format!("{}:{}", flow.flow.id.agency, flow.flow.id.id)).collect()
        } else {
            flows.map(|flow| format!("{}.{}", flow.names.schema, flow.names.table)).collect()
        };
        let known = known.iter().map(String::as_str);
        Error::not_found("dataflow", names::with_nearest(text, known))
    }

    fn target(&self, schema: &str, table: &str) -> Option<Target> {
        let directory = &self.directory;
        let found = directory.find(schema, table);
        let found = found.or_else(|| directory.find_exact(Some(schema), table));
        // `"ECB".exr`: the agency as SDMX has it, the table as SQL has it.
        found.or_else(|| directory.find(directory.schema_of_agency(schema)?, table))
    }

    fn make(self: &Arc<Self>, target: &Target) -> Result<Arc<dyn TableProvider>> {
        let flow = |position| self.directory.flow(position).map_err(to_datafusion);
        Ok(match target {
            Target::Flow(position) => self.cube(*position)?,
            Target::Exact(position) => {
                let table = self.cube(*position)?;
                Arc::new(views::exact(table, &flow(*position)?.flow.id.id)?)
            }
            Target::Labels(position) => {
                let table = self.cube(*position)?;
                let state = flow(*position)?;
                let name = format!("{}_labels", state.names.table);
                Arc::new(views::labels(table, &name, &state.flow, &self.label, &self.language)?)
            }
            Target::Dimension(position, dimension) => {
                let snapshot = self.directory.snapshot();
                let cube = snapshot.cube(&flow(*position)?.flow.id).map_err(to_datafusion)?;
                let (dimension, language) = (*dimension, self.language.clone());
                let listing = Listing::new(move |rows| {
                    let component = &cube.flow().dimensions()[dimension];
                    let codes = cube.codes(dimension).iter().filter(|_| rows);
                    codes::of_dimension(component, codes, &language)
                })?;
                Arc::new(listing.with_primary_key())
            }
            Target::Codelist(id) => {
                let (snapshot, language) =
                    (Arc::clone(self.directory.snapshot()), self.language.clone());
                let id = id.clone();
                Arc::new(Listing::new(move |rows| {
                    let list = snapshot.artefacts().codelist(&id);
                    let missing = || to_datafusion(Error::bug("a codelist of another snapshot"));
                    codes::of_codelist(list.ok_or_else(missing)?, rows, &language)
                })?)
            }
        })
    }

    fn cube(&self, position: usize) -> Result<Arc<dyn TableProvider>> {
        Ok(self.directory.table(position).map_err(to_datafusion)?)
    }

    fn information(self: &Arc<Self>, table: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let catalogue = Arc::clone(self);
        Ok(match table {
            "schemata" => {
                Some(Arc::new(Listing::new(move |rows| information::schemata(&catalogue, rows))?))
            }
            "tables" => {
                Some(Arc::new(Listing::new(move |rows| information::tables(&catalogue, rows))?))
            }
            "columns" => Some(Arc::new(information::ColumnsTable::new(catalogue)?)),
            _ => None,
        })
    }

    fn own(self: &Arc<Self>, table: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let shipped = views::SHIPPED.iter().find(|(name, _)| *name == table);
        if let Some((_, sql)) = shipped {
            return Ok(Some(Arc::new(self.plan_view(sql)?)));
        }
        let (directory, language) = (Arc::clone(&self.directory), self.language.clone());
        let snapshot = Arc::clone(directory.snapshot());
        let listing = match table {
            "codelists" => {
                Listing::new(move |rows| sdmx::all_codelists(&directory, rows, &language))
            }
            "codes" => Listing::new(move |rows| sdmx::codes(snapshot.artefacts(), rows, &language)),
            "commits" => Listing::new(move |rows| sdmx::commits(&directory, rows)),
            "components" => Listing::new(move |rows| sdmx::components(&directory, rows, &language)),
            "dataflows" => Listing::new(move |rows| sdmx::dataflows(&directory, rows, &language)),
            "dim_date" => Listing::new(dates::days).map(Listing::with_primary_key),
            "hierarchies" => {
                Listing::new(move |rows| sdmx::hierarchies(snapshot.artefacts(), rows, &language))
            }
            "releases" => Listing::new(move |rows| sdmx::releases(&snapshot, rows)),
            _ => return Ok(None),
        };
        let key = (OWN.to_owned(), table.to_owned());
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let listing = listing?;
        Ok(Some(Arc::clone(tables.entry(key).or_insert_with(|| Arc::new(listing)))))
    }

    /// A name without a schema: on the search path, else wherever it is the only one, else in the
    /// catalogue itself.
    fn searched(self: &Arc<Self>, table: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        for schema in self.search_path.iter().filter(|schema| *schema != SEARCH_SCHEMA) {
            if let Some(found) = self.provider(schema, table)? {
                return Ok(Some(found));
            }
        }
        let schemas = self.directory.schemas();
        let mut found = schemas.iter().filter(|schema| {
            **schema != SEARCH_SCHEMA && self.directory.find(schema, table).is_some()
        });
        match (found.next(), found.next()) {
            (Some(schema), None) => self.provider(schema, table),
            (Some(first), Some(second)) => {
                let all = [first, second].into_iter().chain(found);
                let all: Vec<String> =
                    all.map(|s| format!("{s}.{}", names::quoted(table))).collect();
                let reason = format!("is in several schemas; write one of {}", all.join(", "));
                Err(to_datafusion(Error::invalid(format!("table {table}"), reason)))
            }
            (None, _) => match self.directory.find_exact(None, table) {
                Some(target) => Ok(Some(self.make(&target)?)),
                None => self.own(table),
            },
        }
    }

    fn plan_view(self: &Arc<Self>, sql: &str) -> Result<ViewTable> {
        let mut state = self.planner.clone();
        state.register_catalog_list(Arc::new(Databases(Arc::clone(self))));
        let requests = guard::parse(sql).map_err(to_datafusion)?;
        let Some(Request::Query(statement)) = requests.into_iter().next() else {
            return Err(to_datafusion(Error::bug("a view is no query")));
        };
        // Every table is found without waiting, so the plan is ready at once.
        let plan = state.statement_to_plan(*statement).now_or_never();
        let plan = plan.ok_or_else(|| to_datafusion(Error::bug("a view waits")))?;
        let bug = |error: DataFusionError| {
            to_datafusion(Error::bug(format!("a view: {}", from_datafusion(&error))))
        };
        Ok(ViewTable::new(plan.map_err(bug)?, Some(sql.to_owned())))
    }
}

/// The one database, under its own name and the one that tools default to.
#[derive(Debug)]
pub(crate) struct Databases(pub(crate) Arc<Catalogue>);

impl CatalogProviderList for Databases {
    fn register_catalog(
        &self,
        _name: String,
        _catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![DATABASE.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        let known = [DATABASE, "postgres"].contains(&name);
        known.then(|| Arc::new(Schemas(Arc::clone(&self.0))) as Arc<dyn CatalogProvider>)
    }
}

#[derive(Debug)]
struct Schemas(Arc<Catalogue>);

impl CatalogProvider for Schemas {
    fn schema_names(&self) -> Vec<String> {
        self.0.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let catalogue = &self.0;
        if let Some((_, make)) = catalogue.added.iter().find(|(added, _)| added == name) {
            return Some(make(catalogue));
        }
        let directory = &catalogue.directory;
        let known = [INFORMATION, OWN, SEARCH_SCHEMA].contains(&name)
            || directory.has_schema(name)
            || directory.schema_of_agency(name).is_some();
        let tables = || Tables { catalogue: Arc::clone(catalogue), schema: name.to_owned() };
        known.then(|| Arc::new(tables()) as Arc<dyn SchemaProvider>)
    }
}

#[derive(Debug)]
struct Tables {
    catalogue: Arc<Catalogue>,
    schema: String,
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        self.catalogue.tables(&self.schema).into_iter().map(|(name, _)| name).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if self.schema == SEARCH_SCHEMA {
            // As in PostgreSQL, what a front adds is found before anything else.
            for (_, make) in &self.catalogue.added {
                if let Some(found) = make(&self.catalogue).table(name).await? {
                    return Ok(Some(found));
                }
            }
        }
        self.catalogue.provider(&self.schema, name)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.catalogue.provider(&self.schema, name).is_ok_and(|found| found.is_some())
    }
}
