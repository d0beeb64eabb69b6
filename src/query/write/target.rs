//! The table that a statement writes to, and what may be written of it.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::sql::sqlparser::ast::{self, Expr, Ident, ObjectName};

use crate::error::{Error, Result};
use crate::model::{ComponentRole, Flow};
use crate::query::catalogue::{Catalogue, SEARCH_SCHEMA};
use crate::query::error::from_datafusion;
use crate::query::names;
use crate::query::scan::{Content, Source};
use crate::query::table::CubeTable;
use crate::query::write::command::folded;
use crate::query::write::syntax;

/// What writing to a column means. Components are meant by their position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A dimension or the time: part of what identifies the row.
    Key(usize),
    /// A measure, from a number.
    Number(usize),
    /// A measure, from its text; goes before the number.
    Text(usize),
    /// An attribute of the observation.
    Attribute(usize),
    /// An attribute of the series, of a partial key or of the dataflow.
    KeyAttribute(usize),
    /// It follows from other columns.
    Derived,
}

impl Place {
    /// The component that is written.
    pub(super) fn component(self) -> Option<usize> {
        match self {
            Self::Key(component)
            | Self::Number(component)
            | Self::Text(component)
            | Self::Attribute(component)
            | Self::KeyAttribute(component) => Some(component),
            Self::Derived => None,
        }
    }

    /// Whether it is the observation that changes.
    pub(super) fn is_observed(self) -> bool {
        matches!(self, Self::Number(_) | Self::Text(_) | Self::Attribute(_))
    }
}

/// A dataflow's table in a statement.
#[derive(Clone)]
pub(in crate::query) struct Target {
    source: Arc<Source>,
    /// What expressions call it.
    alias: Ident,
    has_alias: bool,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.source.name())
    }
}

impl Target {
    /// The table of a name.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none; [`Error::Unsupported`] for one that is no dataflow's.
    pub(super) fn resolve(
        catalogue: &Arc<Catalogue>,
        name: &ObjectName,
        alias: Option<&Ident>,
    ) -> Result<Self> {
        let parts: Option<Vec<String>> =
            name.0.iter().map(|part| part.as_ident().map(folded)).collect();
        let (schema, table) = match parts.as_deref() {
            Some([table]) => (SEARCH_SCHEMA, table.as_str()),
            Some([schema, table] | [_, schema, table]) => (schema.as_str(), table.as_str()),
            _ => return Err(Error::invalid(name.to_string(), "is no name of a table")),
        };
        let found = catalogue.provider(schema, table).map_err(|error| from_datafusion(&error))?;
        let found = found.ok_or_else(|| Error::not_found("table", format!("{schema}.{table}")))?;
        let Some(cube) = found.downcast_ref::<CubeTable>() else {
            let what = format!("writing to {name}, which is not the table of a dataflow");
            return Err(Error::Unsupported { what });
        };
        let source = Arc::clone(cube.source());
        let own = syntax::ident(&source.cube().entry().names.table);
        let has_alias = alias.is_some();
        Ok(Self { source, alias: alias.cloned().unwrap_or(own), has_alias })
    }

    /// The dataflow.
    pub(in crate::query) fn flow(&self) -> &Arc<Flow> {
        self.source.cube().flow()
    }

    /// The table.
    pub(super) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// What expressions call it.
    pub(super) fn alias(&self) -> &Ident {
        &self.alias
    }

    /// The columns of the table.
    pub(super) fn fields(&self) -> impl ExactSizeIterator<Item = &Field> {
        self.source.schema().fields().iter().map(AsRef::as_ref)
    }

    /// What writing to each column means.
    pub(super) fn places(&self) -> impl ExactSizeIterator<Item = Place> {
        let flow = Arc::clone(self.flow());
        let attribute = move |position: usize| {
            let position = flow.attributes_from() + position;
            match flow.components()[position].role {
                ComponentRole::KeyAttribute(_) => Place::KeyAttribute(position),
                _ => Place::Attribute(position),
            }
        };
        let measures_from = self.flow().measures_from();
        let time = self.flow().time_index().unwrap_or_default();
        self.source.contents().iter().map(move |content| match content {
            Content::Code(dimension) => Place::Key(*dimension),
            Content::PeriodText => Place::Key(time),
            Content::PeriodStart | Content::PeriodEnd => Place::Derived,
            Content::Number(measure) => Place::Number(measures_from + measure),
            Content::Text(measure) => Place::Text(measures_from + measure),
            Content::KeyAttribute(position) | Content::Attribute(position) => attribute(*position),
        })
    }

    /// The column with this name, and what writing to it means.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] with the nearest; [`Error::Invalid`] for one that cannot be written.
    pub(super) fn find(&self, name: &Ident) -> Result<(usize, Place)> {
        let wanted = folded(name);
        let found = self.fields().position(|field| *field.name() == wanted);
        let found = found.ok_or_else(|| {
            let known = self.fields().map(|field| field.name().as_str());
            Error::not_found("column", names::with_nearest(&wanted, known))
        })?;
        match self.places().nth(found) {
            None | Some(Place::Derived) => {
                let reason = "cannot be written: it follows from the period";
                Err(Error::invalid(format!("column {wanted}"), reason))
            }
            Some(place) => Ok((found, place)),
        }
    }

    /// The type of what is written to a place, where it stands alone.
    pub(super) fn type_of(&self, place: Place) -> DataType {
        let found = self.places().position(|known| known == place);
        let field = found.and_then(|at| self.fields().nth(at));
        match field.map(Field::data_type) {
            Some(DataType::Float64) => DataType::Float64,
            _ => DataType::Utf8,
        }
    }

    /// The columns of the key: those of the dimensions, and of the time.
    pub(super) fn key(&self) -> Vec<usize> {
        self.source.key_columns()
    }

    /// A column, as expressions refer to it.
    pub(super) fn column(&self, index: usize) -> Expr {
        let name = self.fields().nth(index).map_or("", |field| field.name());
        syntax::column(&self.alias, name)
    }

    /// The column that holds the text of a component; of a key or an attribute, its only one.
    pub(super) fn text_column(&self, component: usize) -> Expr {
        let is_text = |place: &Place| match place {
            Place::Number(_) => false,
            place => place.component() == Some(component),
        };
        let index = self.places().position(|place| is_text(&place)).unwrap_or_default();
        self.column(index)
    }

    /// The table, to be read from.
    pub(super) fn from(&self) -> ast::TableWithJoins {
        let names = &self.source.cube().entry().names;
        let alias = self.has_alias.then(|| self.alias.clone());
        syntax::table(&[&names.schema, &names.table], alias)
    }

    /// What an error calls it.
    pub(super) fn name(&self) -> &str {
        self.source.name()
    }
}
