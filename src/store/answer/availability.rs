//! Which values occur in a selection, or may be selected.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{ArtefactId, Availability, AvailabilityMode, AvailabilityQuery, AvailableCodes};
use crate::store::answer::select::Selected;
use crate::store::answer::survey::Survey;
use crate::store::cube::Cube;
use crate::store::filter::Selections;
use crate::store::snapshot::Snapshot;

/// Answers a query for the values that occur in a dataflow.
///
/// With a time, only series count that have an observation then. In [`AvailabilityMode::Available`]
/// each dimension (and time) is listed as if the query said nothing of it; the counts are those of
/// the query.
///
/// # Errors
///
/// [`Error::NotFound`] for an unknown dataflow; [`Error::Invalid`] for an unknown component, a key
/// with too many positions or a time that is no period; those of reading.
pub fn availability(
    snapshot: &Arc<Snapshot>,
    flow: &ArtefactId,
    query: &AvailabilityQuery,
) -> Result<Availability> {
    let cube = snapshot.cube(flow)?;
    let listed = listed(&cube, &query.components)?;
    let selection = &query.selection;
    let selected = Selected::new(snapshot, Arc::clone(&cube), selection)?;
    let whole = Survey::new(&selected, true)?;
    let mut dimensions = Vec::new();
    let mut time = None;
    for position in listed {
        let component = &cube.flow().components()[position];
        let is_named = selection.filters.iter().any(|filter| filter.component == component.id);
        let is_in_key = selection
            .keys
            .iter()
            .any(|key| key.get(position).is_some_and(|codes| !codes.is_empty()));
        let is_free = query.mode == AvailabilityMode::Available && (is_named || is_in_key);
        let own = if is_free {
            let free = Some(position);
            let selected = Selected::without(snapshot, Arc::clone(&cube), selection, free)?;
            let survey = Survey::new(&selected, false)?;
            Some((selected.cube, survey))
        } else {
            None
        };
        let (cube, survey) =
            own.as_ref().map_or((&selected.cube, &whole), |(cube, survey)| (cube, survey));
        if cube.flow().time_index() == Some(position) {
            time = survey.time;
        } else {
            let codes = codes(cube, position, &survey.series)?;
            dimensions.push(AvailableCodes { dimension: component.id.clone(), codes });
        }
    }
    Ok(Availability {
        flow: flow.clone(),
        dimensions,
        time,
        series_count: selected.cube.series_count(&whole.series)?,
        observation_count: whole.observations,
    })
}

/// The positions of the dimensions that are listed, ascending.
fn listed(cube: &Cube, ids: &[String]) -> Result<Vec<usize>> {
    let flow = cube.flow();
    if ids.is_empty() {
        return Ok((0..flow.measures_from()).collect());
    }
    let mut positions = BTreeSet::new();
    for id in ids {
        let position = flow.position(id).filter(|position| *position < flow.measures_from());
        let reason = || format!("{} has no such dimension", flow.id);
        positions
            .insert(position.ok_or_else(|| Error::invalid(format!("component {id}"), reason()))?);
    }
    Ok(positions.into_iter().collect())
}

/// The codes of a dimension that these series have, in bytewise order.
fn codes(cube: &Cube, dimension: usize, series: &Selections) -> Result<Vec<String>> {
    let mut occurs = vec![false; cube.codes(dimension).len()];
    for (part, selection) in cube.parts().iter().zip(&series.0) {
        if part.tells_codes(dimension, selection)? {
            for code in part.codes_within(dimension, selection)? {
                occurs[code as usize] = true;
            }
            continue;
        }
        part.mark_codes(dimension, selection, &mut occurs)?;
    }
    let codes = cube.codes(dimension).iter().zip(occurs);
    Ok(codes.filter(|(_, occurs)| *occurs).map(|(code, _)| code.to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DataSelection;
    use crate::store::answer::fixture::{database, filter, id};

    fn ask(rows: &[&str], query: &AvailabilityQuery) -> Result<Availability> {
        let rows = rows.iter().map(|row| (*row).to_owned()).collect();
        let snapshot = database(true, &[rows]).snapshot()?;
        availability(&snapshot, &id(), query)
    }

    /// The example of the specification: area, status and sex in the order of our dimensions.
    #[test]
    fn available_leaves_out_the_selection_of_the_dimension_itself() {
        let rows = ["EMP,UK,M,2020,1,,,,,,,", "EMP,FR,M,2020,1,,,,,,,", "UEMP,FR,F,2020,1,,,,,,,"];
        let check = |mode, filters: &[(&str, &str)], expected: [&[&str]; 3], series| {
            let filters = filters.iter().map(|(id, text)| filter(id, text)).collect();
            let selection = DataSelection { filters, ..Default::default() };
            let query = AvailabilityQuery { selection, components: Vec::new(), mode };
            let found = ask(&rows, &query).expect("answered");
            let codes: Vec<_> = found.dimensions.iter().map(|d| d.codes.clone()).collect();
            assert_eq!(codes, expected, "{query:?}");
            assert_eq!((found.series_count, found.observation_count), (series, Some(series)));
        };
        let (exact, available) = (AvailabilityMode::Exact, AvailabilityMode::Available);
        let one = [("AREA", "FR"), ("ITEM", "F")];
        check(available, &one, [&["UEMP"], &["FR"], &["F", "M"]], 1);
        check(exact, &one, [&["UEMP"], &["FR"], &["F"]], 1);
        let both = [("AREA", "FR"), ("ITEM", "M,F")];
        check(available, &both, [&["EMP", "UEMP"], &["FR", "UK"], &["F", "M"]], 2);
        check(exact, &both, [&["EMP", "UEMP"], &["FR"], &["F", "M"]], 2);
    }

    #[test]
    fn lists_what_is_asked_for_within_a_time() {
        let rows = ["A,UK,M,2019,1,,,,,,,", "A,UK,M,2021,1,,,,,,,", "A,FR,F,2020,1,,,,,,,"];
        let check =
            |mode, components: &[&str], expected: &[&[&str]], days: Option<(&str, &str)>| {
                let selection = DataSelection {
                    filters: vec![filter("TIME_PERIOD", "2020")],
                    ..Default::default()
                };
                let components = components.iter().map(|id| (*id).to_owned()).collect();
                let query = AvailabilityQuery { selection, components, mode };
                let found = ask(&rows, &query).expect("answered");
                let codes: Vec<_> = found.dimensions.iter().map(|d| d.codes.clone()).collect();
                assert_eq!(codes, expected, "{query:?}");
                let found = found.time.map(|time| (time.first().expect("a day"), time.last()));
                let days = days.map(|days| (days.0.to_owned(), Some(days.1.to_owned())));
                assert_eq!(found, days, "{query:?}");
            };
        let (exact, available) = (AvailabilityMode::Exact, AvailabilityMode::Available);
        // The gap of the other series is its year 2020.
        check(exact, &["AREA"], &[&["FR"]], None);
        check(exact, &["TIME_PERIOD", "ITEM"], &[&["F"]], Some(("2020-01-01", "2020-12-31")));
        check(available, &["TIME_PERIOD"], &[], Some(("2019-01-01", "2021-12-31")));
        let components = vec!["OBS_VALUE".to_owned()];
        let query = AvailabilityQuery { components, ..Default::default() };
        let error = ask(&rows, &query).expect_err("refused");
        assert_eq!(error.to_string(), "component OBS_VALUE: A:F(1.0) has no such dimension");
    }
}
