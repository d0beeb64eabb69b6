//! Tables of one statement, which are found before any other of their name.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::error::Result;

use crate::query::catalogue::{Listing, SEARCH_SCHEMA};

/// The databases of a session, with tables of one statement on top.
#[derive(Debug)]
pub(in crate::query) struct Overlay {
    below: Arc<dyn CatalogProviderList>,
    tables: Arc<HashMap<String, Arc<dyn TableProvider>>>,
}

impl Overlay {
    /// These rows under these names, over what `below` has.
    ///
    /// # Errors
    ///
    /// None that can happen.
    pub(in crate::query) fn new(
        below: &Arc<dyn CatalogProviderList>,
        tables: Vec<(String, RecordBatch)>,
    ) -> Result<Self> {
        let mut all: HashMap<String, Arc<dyn TableProvider>> = HashMap::new();
        for (name, rows) in tables {
            let listing = Listing::new(move |wanted| {
                Ok(if wanted { rows.clone() } else { rows.slice(0, 0) })
            })?;
            all.insert(name, Arc::new(listing));
        }
        Ok(Self { below: Arc::clone(below), tables: Arc::new(all) })
    }
}

impl CatalogProviderList for Overlay {
    fn register_catalog(
        &self,
        _name: String,
        _catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        self.below.catalog_names()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        let below = self.below.catalog(name)?;
        Some(Arc::new(Schemas { below, tables: Arc::clone(&self.tables) }))
    }
}

#[derive(Debug)]
struct Schemas {
    below: Arc<dyn CatalogProvider>,
    tables: Arc<HashMap<String, Arc<dyn TableProvider>>>,
}

impl CatalogProvider for Schemas {
    fn schema_names(&self) -> Vec<String> {
        self.below.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let below = self.below.schema(name)?;
        if name != SEARCH_SCHEMA {
            return Some(below);
        }
        Some(Arc::new(Tables { below, tables: Arc::clone(&self.tables) }))
    }
}

#[derive(Debug)]
struct Tables {
    below: Arc<dyn SchemaProvider>,
    tables: Arc<HashMap<String, Arc<dyn TableProvider>>>,
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        self.below.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.tables.get(name) {
            Some(found) => Ok(Some(Arc::clone(found))),
            None => self.below.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.contains_key(name) || self.below.table_exist(name)
    }
}
