//! A data message: one data set, or what changed, or the whole history as one data set after the
//! other.

use std::sync::Arc;

use crate::error::Result;
use crate::model::{Action, ArtefactId, Artefacts, DataQuery, Flow};
use crate::sdmx::MessageHeader;
use crate::sdmx::data::{DataScope, DataSet, DataWriter};
use crate::store::answer::compared::Keep;
use crate::store::answer::condition::Condition;
use crate::store::answer::data::{DataAnswer, ScopeParts, Written};
use crate::store::answer::partials::{PartialValue, refused};
use crate::store::answer::write::{Driver, Rest};
use crate::store::changes::{AttributeChange, Changes, KeyFilter};
use crate::store::history::{Step, Steps};
use crate::store::snapshot::Snapshot;

/// The answer to a query for data of one dataflow, as a message: planned, not yet read.
///
/// * Without `updated_after` and history it is one data set, to be merged.
/// * With `updated_after`, what is there and was changed since is to replace what a receiver has,
///   and what is no longer there is to be deleted.
/// * With history, each commit gives these two: what it brought holds from its effective time on,
///   and what it took away held until then.
///
/// Data sets without an observation are left out. `first` and `last` are counted in each data set,
/// `offset` and `limit` over all of them.
///
/// Source: SDMX REST 1.5, section 4.4, `includeHistory`; SDMX REST 2.2.2, `doc/data.md`.
#[derive(Debug)]
pub struct DataMessage {
    snapshot: Arc<Snapshot>,
    flow: ArtefactId,
    query: DataQuery,
    /// The first data set; absent if there is none.
    first: Option<Set>,
    parts: ScopeParts,
    resolved: Arc<Flow>,
}

/// A data set.
#[derive(Debug)]
struct Set {
    about: DataSet,
    answer: DataAnswer,
}

/// Data sets, one after the other.
#[expect(clippy::large_enum_variant, reason = "there is one of it in a message")]
enum Sets<'a> {
    /// What is wanted of one state.
    State(&'a DataMessage),
    /// What is wanted of steps.
    Steps {
        message: &'a DataMessage,
        steps: Source,
        ready: Option<(Step, DataSet)>,
    },
    Done,
}

/// Where steps come from.
enum Source {
    One(Option<Step>),
    All(Steps),
}

impl DataMessage {
    /// Plans the message, and finds out whether there is any data set.
    ///
    /// # Errors
    ///
    /// [`crate::Error::NotFound`] for an unknown dataflow; [`crate::Error::Invalid`] for an unknown
    /// component, a key with too many positions or a time that is no period; those of reading.
    pub fn open(snapshot: &Arc<Snapshot>, flow: &ArtefactId, query: &DataQuery) -> Result<Self> {
        let resolved = snapshot.flow(flow)?;
        let mut message = Self {
            snapshot: Arc::clone(snapshot),
            flow: flow.clone(),
            parts: ScopeParts::new(&resolved, query)?,
            query: query.clone(),
            first: None,
            resolved,
        };
        let first = Sets::new(&message)?.next()?;
        message.first = first;
        Ok(message)
    }

    /// Whether nothing matches.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The dataflow.
    pub fn flow(&self) -> &Arc<Flow> {
        &self.resolved
    }

    /// What the message consists of.
    pub fn scope_parts(&self) -> &ScopeParts {
        &self.parts
    }

    /// What the message is about, for its writer.
    pub fn scope<'a>(
        &'a self,
        header: &'a MessageHeader,
        artefacts: &'a Artefacts,
        language: &'a str,
    ) -> DataScope<'a> {
        DataScope {
            header,
            flow: &self.resolved,
            artefacts,
            language,
            level: self.parts.level,
            measures: &self.parts.measures,
            attributes: &self.parts.attributes,
            set: self.first.as_ref().map(|set| set.about).unwrap_or_default(),
            has_changes: !self.is_one_state(),
            has_observations: self.parts.has_observations,
        }
    }

    /// Writes the message.
    ///
    /// # Errors
    ///
    /// As [`DataAnswer::write`].
    pub fn write(&self, writer: &mut dyn DataWriter) -> Result<Written> {
        if let Some(set) = self.first.as_ref().filter(|_| self.is_one_state()) {
            return set.answer.write(writer);
        }
        writer.begin().map_err(refused)?;
        let mut rest = Rest::new(self.query.offset, self.query.limit);
        let mut sets = Sets::new(self)?;
        let mut is_first = true;
        while let Some(set) = sets.next()? {
            if rest.left == 0 {
                break;
            }
            if !is_first {
                writer.next_set(&set.about).map_err(refused)?;
            }
            is_first = false;
            Driver::new(&set.answer, writer, &mut |_| ()).write_set(&mut rest)?;
        }
        writer.finish().map_err(refused)?;
        Ok(rest.written)
    }

    fn is_one_state(&self) -> bool {
        self.query.updated_after().is_none() && !self.query.has_history
    }
}

impl<'a> Sets<'a> {
    fn new(message: &'a DataMessage) -> Result<Self> {
        let (snapshot, query) = (&message.snapshot, &message.query);
        if message.is_one_state() {
            return Ok(Self::State(message));
        }
        let after = query.updated_after();
        let source = if query.has_history {
            Source::All(Steps::new(snapshot, &message.flow, after)?)
        } else {
            let moment = after.and_then(|after| snapshot.state().commit_at(after));
            let before = snapshot.earlier(moment.map_or(0, |commit| commit.number))?;
            let after = Arc::clone(snapshot);
            Source::One(Some(Step { before, after, effective: 0 }))
        };
        Ok(Self::Steps { message, steps: source, ready: None })
    }

    /// The next data set that has an observation; absent at the end.
    fn next(&mut self) -> Result<Option<Set>> {
        loop {
            let set = match self {
                Self::Done => return Ok(None),
                Self::State(message) => {
                    let (snapshot, query) = (&message.snapshot, &message.query);
                    let answer = DataAnswer::open(snapshot, &message.flow, query)?;
                    *self = Self::Done;
                    Some(Set { about: DataSet::default(), answer })
                }
                Self::Steps { message, steps, ready } => {
                    if let Some((step, about)) = ready.take() {
                        message.missing(&step, about)?
                    } else {
                        let Some(step) = steps.next()? else { return Ok(None) };
                        let moment = message.query.has_history.then_some(step.effective);
                        let (valid_from, valid_to) = (moment, moment);
                        let replace =
                            DataSet { action: Action::Replace, valid_from, valid_to: None };
                        let delete = DataSet { action: Action::Delete, valid_from: None, valid_to };
                        let set = message.changed(&step, replace)?;
                        *ready = Some((step, delete));
                        set
                    }
                }
            };
            if let Some(set) = set.filter(|set| !set.answer.is_empty()) {
                return Ok(Some(set));
            }
        }
    }
}

impl Source {
    fn next(&mut self) -> Result<Option<Step>> {
        match self {
            Self::One(step) => Ok(step.take()),
            Self::All(steps) => steps.next(),
        }
    }
}

impl DataMessage {
    /// What a step brought.
    fn changed(&self, step: &Step, about: DataSet) -> Result<Option<Set>> {
        let states = (&step.after, &step.before, Keep::Changed);
        let partials = self.partials(step, |change| change.after)?;
        let (flow, query, parts) = (&self.flow, &self.query, &self.parts);
        let answer = DataAnswer::compared(states, flow, query, parts, partials)?;
        Ok(Some(Set { about, answer }))
    }

    /// What a step took away: the keys of observations alone, since a value named in a deletion is
    /// all that is deleted; and attributes of partial keys by name.
    fn missing(&self, step: &Step, about: DataSet) -> Result<Option<Set>> {
        let states = (&step.before, &step.after, Keep::Missing);
        if step.before.state().flow(&self.flow).is_none() {
            return Ok(None);
        }
        let (measures, attributes) = (Vec::new(), Vec::new());
        let parts = ScopeParts { measures, attributes, ..self.parts.clone() };
        let gone = |change: AttributeChange| change.before.filter(|_| change.after.is_none());
        let partials = self.partials(step, gone)?;
        let (flow, query) = (&self.flow, &self.query);
        let answer = DataAnswer::compared(states, flow, query, &parts, partials)?;
        Ok(Some(Set { about, answer }))
    }

    /// The attributes of the dataflow and of partial keys that a step changed, as far as they are
    /// wanted and `choose` gives their text. They are told of keys that have no series, too.
    fn partials(
        &self,
        step: &Step,
        choose: impl Fn(AttributeChange) -> Option<String>,
    ) -> Result<Vec<PartialValue>> {
        let selection = &self.query.selection;
        let filter = KeyFilter::any_of(selection.keys.clone());
        let mut changes = Changes::between(&step.before, &step.after, &self.flow, &filter)?;
        let conditions: Vec<(usize, Condition)> = selection
            .filters
            .iter()
            .filter_map(|filter| {
                let position = self.resolved.position(&filter.component)?;
                let component = &self.resolved.components()[position];
                Some((position, Condition::new(component, filter)))
            })
            .collect();
        let mut values = Vec::new();
        for change in changes.partials()? {
            let passes = |(position, condition): &(usize, Condition)| {
                let code = change.key.get(*position).and_then(Option::as_deref);
                code.is_none_or(|code| condition.passes(code))
            };
            let is_wanted = self.parts.attributes.contains(&change.attribute);
            if is_wanted && conditions.iter().all(passes) {
                let (key, attribute) = (change.key.clone(), change.attribute);
                values.extend(choose(change).map(|text| PartialValue { key, attribute, text }));
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::DataSelection;
    use crate::store::LoadOptions;
    use crate::store::answer::fixture::{FLOW, HEADER, Told, database, id};
    use crate::store::changes::tests::{Model, Random, history};

    /// What a reader keeps of data: values and attributes by key and period.
    type Replica = BTreeMap<String, String>;

    fn told(snapshot: &Arc<Snapshot>, query: &DataQuery) -> Vec<(DataSet, Vec<String>)> {
        let message = DataMessage::open(snapshot, &id(), query).expect("a sound query");
        let mut told = Told::default();
        let written = message.write(&mut told).expect("a writer that takes all");
        assert_eq!(written.observations, told.observations.len() as u64);
        let Some(first) = &message.first else {
            assert!(told.observations.is_empty());
            return Vec::new();
        };
        let ends = told.sets.iter().map(|(from, _)| *from).chain([told.observations.len()]);
        let abouts = [first.about].into_iter().chain(told.sets.iter().map(|(_, about)| *about));
        let mut from = 0;
        let sets = abouts.zip(ends).map(|(about, end)| {
            let lines = told.observations[from..end].iter().map(|(_, line)| line.clone());
            from = end;
            (about, lines.collect::<Vec<_>>())
        });
        sets.collect()
    }

    /// Does what data sets say.
    fn apply(replica: &mut Replica, sets: &[(DataSet, Vec<String>)]) {
        for (about, lines) in sets {
            for line in lines {
                let cells: Vec<&str> = line.split('|').collect();
                let (place, rest) = (cells[..4].join("|"), cells[4..9].join("|"));
                if about.action == Action::Delete {
                    assert!(cells[4..].iter().all(|cell| *cell == "~"), "{line}");
                    assert!(replica.remove(&place).is_some(), "{line}");
                } else {
                    assert_ne!(replica.insert(place, rest.clone()), Some(rest), "{line}");
                }
            }
        }
    }

    /// What a reader of everything has.
    fn replica(model: &Model) -> Replica {
        let cells = model.cells.iter().map(|((key, period), cell)| {
            let filled =
                |text: &String| if text.is_empty() { "~".to_owned() } else { text.clone() };
            let mut rest: Vec<String> = cell.iter().map(filled).collect();
            rest.push(filled(model.titles.get(key).unwrap_or(&String::new())));
            (format!("{}|{period}", key.join("|")), rest.join("|"))
        });
        cells.collect()
    }

    #[test]
    fn who_does_what_is_told_has_what_is_there() {
        for seed in 200..230 {
            let (database, models) = history(seed, 14);
            let times: Vec<i64> =
                database.snapshot().expect("readable").commits().map(|c| c.effective).collect();
            let mut random = Random(seed);
            for _ in 0..8 {
                let upto = usize::try_from(random.below(models.len() as u64)).expect("small");
                let from = usize::try_from(random.below(upto as u64 + 1)).expect("small");
                let snapshot = database.snapshot_at(upto as u64 + 1).expect("kept");
                let selection =
                    DataSelection { updated_after: Some(times[from]), ..Default::default() };
                let mut query = DataQuery { selection, ..Default::default() };
                let sets = told(&snapshot, &query);
                let mut found = replica(&models[from]);
                apply(&mut found, &sets);
                assert_eq!(found, replica(&models[upto]), "seed {seed}, from {from} to {upto}");
                assert!(sets.iter().all(|(about, _)| !about.has_validity()));

                query.has_history = true;
                let sets = told(&snapshot, &query);
                for number in from..=upto {
                    let until = |about: &DataSet| {
                        about.valid_from.or(about.valid_to).expect("validity") <= times[number]
                    };
                    let sets: Vec<_> =
                        sets.iter().filter(|(about, _)| until(about)).cloned().collect();
                    let mut found = replica(&models[from]);
                    apply(&mut found, &sets);
                    assert_eq!(found, replica(&models[number]), "seed {seed} to {number}");
                }
            }
        }
    }

    /// Attributes of partial keys are told where no observation changed, and when they are gone.
    #[test]
    fn partial_keys_are_told_by_themselves() {
        let row = |unit: &str, source: &str| {
            vec![format!("A,CH,X,2020,1,,,,,{unit},,{source}"), "A,DE,X,2020,1,,,,,,,".to_owned()]
        };
        let database = database(true, &[row("EUR", "S"), row("USD", "S")]);
        let mut load = database.begin_load(LoadOptions::at(20)).expect("begun");
        let head = HEADER.replace("DATAFLOW", "STRUCTURE,STRUCTURE_ID,ACTION");
        let text = format!("{head}\ndataflow,{FLOW},D,,CH,X,,,,,,,-,,");
        load.csv(text.as_bytes(), "x.csv").expect("sound");
        load.commit().expect("committed");
        let snapshot = database.snapshot().expect("readable");
        let check = |history: bool, after: i64, expected: &[&str]| {
            let selection = DataSelection { updated_after: Some(after), ..Default::default() };
            let query = DataQuery { selection, has_history: history, ..Default::default() };
            let message = DataMessage::open(&snapshot, &id(), &query).expect("a sound query");
            let mut told = Told::default();
            message.write(&mut told).expect("a writer that takes all");
            assert!(told.observations.is_empty());
            assert_eq!(told.partials, expected);
        };
        let cells = |unit: &str| format!("~|CH|X|~|~|~|~|~|~|{unit}|~|~");
        check(false, 11, &[&cells("USD")]);
        check(false, 10, &[&cells("EUR")]);
        check(true, 10, &[&cells("USD"), &cells("USD")]);
        check(false, 20, &[]);
    }
}
