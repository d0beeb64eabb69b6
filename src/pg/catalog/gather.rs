//! What a session sees of a database, described.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::TableType;

use crate::error::Result;
use crate::model::{Component, Flow};
use crate::pg::catalog::describe::{
    ColumnDescription, Description, Reference, TableDescription, TableKind,
};
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::{
    BOOL, DATE, FLOAT8, INT2, INT4, INT8, TEXT, TIMESTAMP, TIMESTAMPTZ, VARCHAR,
};
use crate::pg::types::TYPE_KEY;
use crate::query::catalogue::{Catalogue, SEARCH_SCHEMA, Target};
use crate::query::error::from_datafusion;
use crate::query::names::quoted;
use crate::store::SeriesFilter;

/// The key of the field metadata that names the component of a column.
const SDMX_ID: &str = "sdmx.id";
/// And where it stands what the column shows of it.
const SDMX_ROLE: &str = "sdmx.role";
/// The schemas that PostgreSQL has itself.
const SYSTEM: [&str; 2] = ["pg_catalog", "information_schema"];
/// The schema of the catalogue itself.
const OWN: &str = "sdmx_catalog";

/// Describes all that a session sees. Cost: opens every cube, for its columns and its rows.
///
/// # Errors
///
/// Those of opening a cube.
pub(super) fn describe(catalogue: &Arc<Catalogue>) -> Result<Description> {
    let mut all = Description::default();
    for schema in catalogue.schema_names() {
        if SYSTEM.contains(&schema.as_str()) {
            continue;
        }
        all.schemas.push((schema.clone(), schema_comment(catalogue, &schema)));
        for (name, kind) in catalogue.tables(&schema) {
            let provider = catalogue.provider(&schema, &name);
            let provider = provider.map_err(|error| from_datafusion(&error))?;
            if let Some(provider) = provider {
                all.tables.push(table(catalogue, &schema, name, kind, &provider)?);
            }
        }
    }
    Ok(all)
}

fn schema_comment(catalogue: &Catalogue, schema: &str) -> Option<String> {
    match schema {
        OWN => Some("the catalogue: dataflows, components, codelists, commits".to_owned()),
        SEARCH_SCHEMA => None,
        _ => {
            let states = catalogue.directory().snapshot().flows().iter();
            let mut states = states.filter(|state| state.names.schema == schema);
            let agency = states.next().map(|state| state.flow.id.agency.clone());
            agency.map(|agency| format!("dataflows of {agency}"))
        }
    }
}

fn table(
    catalogue: &Arc<Catalogue>,
    schema: &str,
    name: String,
    kind: TableType,
    provider: &Arc<dyn TableProvider>,
) -> Result<TableDescription> {
    let fields = provider.schema();
    let columns = fields.fields().iter().map(|field| column(field));
    let mut made = TableDescription {
        schema: schema.to_owned(),
        name,
        kind: if kind == TableType::View { TableKind::View } else { TableKind::Table },
        rows: None,
        comment: None,
        definition: provider.get_table_definition().map(str::to_owned),
        columns: columns.collect(),
        primary_key: Vec::new(),
        references: Vec::new(),
    };
    match catalogue.directory().find(schema, &made.name).filter(|_| schema != OWN) {
        Some(Target::Flow(position)) => of_flow(catalogue, position, &mut made)?,
        Some(Target::Labels(position)) => {
            let flow = &catalogue.directory().flow(position)?.flow;
            describe_columns(flow, fields.fields(), catalogue.language(), &mut made);
            made.comment = flow_name(flow, catalogue).map(|name| format!("{name}, with labels"));
            made.definition = Some(labels_definition(catalogue, position, fields.fields())?);
        }
        Some(Target::Dimension(position, dimension)) => {
            let state = catalogue.directory().flow(position)?;
            made.primary_key = vec![0];
            let component = state.flow.dimensions().get(dimension);
            made.comment = component.and_then(|component| concept(component, catalogue.language()));
            let cube = catalogue.directory().snapshot().cube(&state.flow.id)?;
            made.rows = Some(cube.codes(dimension).iter().count() as u64);
        }
        Some(Target::Codelist(id)) => {
            let snapshot = catalogue.directory().snapshot();
            let found = snapshot.artefacts().codelist(&id);
            made.rows = found.map(|list| list.codes.len() as u64);
            let name = found.and_then(|list| list.identity.names.best(catalogue.language()));
            made.comment = name.map(str::to_owned);
        }
        Some(Target::Exact(_)) | None => {}
    }
    Ok(made)
}

fn of_flow(catalogue: &Arc<Catalogue>, position: usize, made: &mut TableDescription) -> Result<()> {
    let directory = catalogue.directory();
    let table = directory.table(position)?;
    let state = directory.flow(position)?;
    let cube = table.source().cube();
    let all = cube.select(&SeriesFilter::All)?;
    made.rows = Some(cube.observation_count(&all)?);
    made.comment = flow_name(&state.flow, catalogue);
    made.primary_key = table.source().key_columns();
    describe_columns(&state.flow, table.source().schema().fields(), catalogue.language(), made);
    if let Some(time) = state.flow.time_index().and_then(|time| state.names.columns.get(time)) {
        generate_days(time, table.source().schema().fields(), made);
    }
    let dimensions = state.names.columns.iter().take(state.flow.dimensions().len());
    for (dimension, column) in dimensions.enumerate() {
        let star = format!("{}_dim_{column}", made.name);
        let is_star =
            directory.find(&made.schema, &star) == Some(Target::Dimension(position, dimension));
        let place = made.columns.iter().position(|found| found.name == *column);
        if let (true, Some(place)) = (is_star, place) {
            let schema = made.schema.clone();
            let (columns, foreign) = (vec![place], vec![0]);
            made.references.push(Reference { columns, schema, table: star, foreign });
        }
    }
    Ok(())
}

/// The query that a table with labels is: each name follows from the column before it.
fn labels_definition(
    catalogue: &Arc<Catalogue>,
    position: usize,
    fields: &[Arc<Field>],
) -> Result<String> {
    let state = catalogue.directory().flow(position)?;
    let mut list = None;
    let mut columns: Vec<String> = Vec::with_capacity(fields.len());
    for field in fields {
        let component = field.metadata().get(SDMX_ID).and_then(|id| state.flow.position(id));
        let component = component.and_then(|position| state.flow.components().get(position));
        let name = quoted(field.name());
        match (component, &list, columns.last()) {
            (None, Some(list), Some(code)) => {
                columns.push(format!("label('{list}', {code}) AS {name}"));
            }
            _ => columns.push(name.into_owned()),
        }
        let codelist = component.and_then(|component| component.codelist.as_deref());
        list = codelist.map(|codelist| codelist.identity.id.to_string());
    }
    let (schema, table) = (quoted(&state.names.schema), quoted(&state.names.table));
    Ok(format!(" SELECT {}\n   FROM {schema}.{table};", columns.join(",\n    ")))
}

/// Says of the columns of a period's days what they are calculated from.
fn generate_days(time: &str, fields: &[Arc<Field>], made: &mut TableDescription) {
    let is_day =
        |field: &Field| field.metadata().get(SDMX_ROLE).is_some_and(|role| role == "period");
    let days = made.columns.iter_mut().zip(fields).filter(|(_, field)| is_day(field));
    for ((column, _), function) in days.zip(["period_start", "period_end"]) {
        column.generated = Some(format!("{function}({})", quoted(time)));
    }
}

fn flow_name(flow: &Flow, catalogue: &Catalogue) -> Option<String> {
    flow.names.best(catalogue.language()).map(str::to_owned)
}

/// Gives each column that shows a component the name of its concept.
fn describe_columns(
    flow: &Flow,
    fields: &[Arc<Field>],
    language: &str,
    made: &mut TableDescription,
) {
    for (column, field) in made.columns.iter_mut().zip(fields) {
        let component = field.metadata().get(SDMX_ID).and_then(|id| flow.position(id));
        let component = component.and_then(|position| flow.components().get(position));
        column.comment = component.and_then(|component| concept(component, language));
    }
}

fn concept(component: &Component, language: &str) -> Option<String> {
    component.names.best(language).map(str::to_owned)
}

fn column(field: &Field) -> ColumnDescription {
    let declared = field.metadata().get(TYPE_KEY).and_then(|text| declared(text));
    let (type_oid, type_modifier) = declared.unwrap_or_else(|| (natural(field.data_type()), -1));
    ColumnDescription {
        name: field.name().clone(),
        type_oid,
        type_modifier,
        is_nullable: field.is_nullable(),
        generated: None,
        comment: None,
    }
}

/// The number and the modifier of a type that metadata names: `varchar(3)`.
fn declared(text: &str) -> Option<(u32, i32)> {
    let (name, length) = match text.split_once('(') {
        Some((name, rest)) => (name, rest.trim_end_matches(')').parse::<i32>().ok()),
        None => (text, None),
    };
    let oid = statics().types.named(name.trim())?;
    let modifier = length.filter(|_| oid == VARCHAR).map_or(-1, |length| length + 4);
    Some((oid, modifier))
}

/// The type in PostgreSQL of a type that our tables use.
fn natural(data_type: &DataType) -> u32 {
    match data_type {
        DataType::Boolean => BOOL,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => INT2,
        DataType::Int32 | DataType::UInt16 => INT4,
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => INT8,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => FLOAT8,
        DataType::Date32 | DataType::Date64 => DATE,
        DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, None) => TIMESTAMP,
        DataType::Timestamp(_, _) => TIMESTAMPTZ,
        _ => TEXT,
    }
}
