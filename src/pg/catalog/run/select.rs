//! SELECT: rows, groups, windows, sets, order.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::mem::take;
use std::slice::from_ref;

use crate::error::Result;
use crate::pg::catalog::plan::{Distinct, Expr, Key, Order, Select, Window};
use crate::pg::catalog::run::query::{Row, ordered};
use crate::pg::catalog::run::{Bound, Frame, Run};
use crate::pg::catalog::value::Value;

/// A row before it is shown: what it is made of, and what was calculated of it.
#[derive(Default)]
struct Found {
    slots: Vec<Bound>,
    aggregates: Vec<Value>,
    windows: Vec<Value>,
}

/// The rows of one group: one of them, and the arguments of each aggregate.
struct Group {
    slots: Vec<Bound>,
    arguments: Vec<Vec<Collected>>,
}

/// The arguments of an aggregate for one row, and what they are sorted by.
pub(super) struct Collected {
    pub(super) arguments: Vec<Value>,
    pub(super) order: Vec<Value>,
}

/// A row that is shown, with what it is sorted by and what makes it one of its kind.
struct Shown {
    row: Row,
    keys: Vec<Value>,
    kind: Vec<Value>,
}

impl Run<'_> {
    pub(super) fn select(
        &self,
        select: &Select,
        order: &[Order],
        enough: usize,
        outer: Option<&Frame<'_>>,
    ) -> Result<Vec<Row>> {
        let is_plain = select.groups.is_none()
            && select.windows.is_empty()
            && select.sets.is_empty()
            && matches!(select.distinct, Distinct::All);
        let mut shown = Vec::new();
        if is_plain {
            let mut frame = Self::frame(select.slots, outer);
            self.walk(&select.steps, &mut frame, &mut |frame| {
                if shown.len() < enough {
                    shown.push(self.shown(select, order, frame)?);
                }
                Ok(shown.len() < enough)
            })?;
        } else {
            let mut found = match &select.groups {
                Some(keys) => self.grouped(select, keys, outer)?,
                None => self.plain(select, outer)?,
            };
            for (place, window) in select.windows.iter().enumerate() {
                self.window(window, place, &mut found, outer)?;
            }
            for found in found {
                let mut frame = frame_of(found, outer);
                self.spread(select, order, &mut frame, &mut shown)?;
            }
        }
        if !order.is_empty() {
            shown.sort_by(|a, b| by_keys(&a.keys, &b.keys, order));
        }
        let mut seen = HashSet::new();
        let rows = shown.into_iter().filter(|shown| match &select.distinct {
            Distinct::All => true,
            Distinct::Once => seen.insert(shown.row.clone()),
            Distinct::FirstOf(_) => seen.insert(shown.kind.clone()),
        });
        Ok(rows.map(|shown| shown.row).collect())
    }

    fn plain(&self, select: &Select, outer: Option<&Frame<'_>>) -> Result<Vec<Found>> {
        let mut all = Vec::new();
        let mut frame = Self::frame(select.slots, outer);
        self.walk(&select.steps, &mut frame, &mut |frame| {
            all.push(Found { slots: frame.kept(), ..Found::default() });
            Ok(true)
        })?;
        Ok(all)
    }

    fn grouped(
        &self,
        select: &Select,
        keys: &[Expr],
        outer: Option<&Frame<'_>>,
    ) -> Result<Vec<Found>> {
        let mut places: HashMap<Vec<Value>, usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        let new = |slots: Vec<Bound>| Group {
            slots,
            arguments: select.aggregates.iter().map(|_| Vec::new()).collect(),
        };
        let mut frame = Self::frame(select.slots, outer);
        self.walk(&select.steps, &mut frame, &mut |frame| {
            let key: Result<Vec<Value>> =
                keys.iter().map(|key| self.evaluate(key, frame)).collect();
            let place = *places.entry(key?).or_insert_with(|| {
                groups.push(new(frame.kept()));
                groups.len() - 1
            });
            for (aggregate, collected) in select.aggregates.iter().zip(&mut groups[place].arguments)
            {
                if let Some(filter) = &aggregate.filter
                    && !self.all_hold(from_ref(filter), frame)?
                {
                    continue;
                }
                let all = |exprs: &mut dyn Iterator<Item = &Expr>| -> Result<Vec<Value>> {
                    exprs.map(|expr| self.evaluate(expr, frame)).collect()
                };
                let arguments = all(&mut aggregate.arguments.iter())?;
                let order = all(&mut aggregate.order.iter().map(|(expr, ..)| expr))?;
                collected.push(Collected { arguments, order });
            }
            Ok(true)
        })?;
        // Without keys, all rows are one group, even if there is none.
        if groups.is_empty() && keys.is_empty() {
            groups.push(new(vec![Bound::Nothing; select.slots]));
        }
        let mut all = Vec::with_capacity(groups.len());
        for Group { slots, arguments } in groups {
            let pairs = select.aggregates.iter().zip(arguments);
            let aggregates: Result<Vec<Value>> =
                pairs.map(|(aggregate, collected)| self.aggregate(aggregate, collected)).collect();
            let found = Found { slots, aggregates: aggregates?, windows: Vec::new() };
            if let Some(having) = &select.having {
                let frame = frame_of(found, outer);
                if !self.all_hold(from_ref(having), &frame)? {
                    continue;
                }
                all.push(Found {
                    slots: frame.slots,
                    aggregates: frame.aggregates,
                    windows: frame.windows,
                });
                continue;
            }
            all.push(found);
        }
        Ok(all)
    }

    /// Calculates a window function for all rows.
    fn window(
        &self,
        window: &Window,
        place: usize,
        found: &mut [Found],
        outer: Option<&Frame<'_>>,
    ) -> Result<()> {
        let mut partitions: HashMap<Vec<Value>, Vec<(Vec<Value>, usize)>> = HashMap::new();
        let mut arguments = Vec::with_capacity(found.len());
        for (at, row) in found.iter_mut().enumerate() {
            row.windows.resize(place + 1, Value::Null);
            let frame = frame_of(take(row), outer);
            let all = |exprs: &mut dyn Iterator<Item = &Expr>| -> Result<Vec<Value>> {
                exprs.map(|expr| self.evaluate(expr, &frame)).collect()
            };
            let partition = all(&mut window.partition.iter())?;
            let order = all(&mut window.order.iter().map(|(expr, ..)| expr))?;
            arguments.push(all(&mut window.aggregate.arguments.iter())?);
            partitions.entry(partition).or_default().push((order, at));
            let Frame { slots, aggregates, windows, .. } = frame;
            *row = Found { slots, aggregates, windows };
        }
        for mut rows in partitions.into_values() {
            rows.sort_by(|(a, _), (b, _)| {
                let pairs = a.iter().zip(b).zip(&window.order);
                let keys = pairs.map(|((a, b), (_, down, first))| ordered(a, b, *down, *first));
                keys.fold(Ordering::Equal, Ordering::then)
            });
            let values = self.window_values(window, &rows, &arguments)?;
            for ((_, at), value) in rows.iter().zip(values) {
                if let Some(cell) = found.get_mut(*at).and_then(|row| row.windows.get_mut(place)) {
                    *cell = value;
                }
            }
        }
        Ok(())
    }

    /// The value for each row of a partition, in its order.
    fn window_values(
        &self,
        window: &Window,
        rows: &[(Vec<Value>, usize)],
        arguments: &[Vec<Value>],
    ) -> Result<Vec<Value>> {
        let number = |n: usize| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
        let is_next = |at: usize| at == 0 || rows[at - 1].0 != rows[at].0;
        let numbers = 0..rows.len();
        match window.aggregate.name.as_str() {
            "row_number" => Ok(numbers.map(|at| number(at + 1)).collect()),
            "rank" => Ok(numbers
                .scan(0, |rank, at| {
                    *rank = if is_next(at) { at + 1 } else { *rank };
                    Some(number(*rank))
                })
                .collect()),
            "dense_rank" => Ok(numbers
                .scan(0, |rank, at| {
                    *rank += usize::from(is_next(at));
                    Some(number(*rank))
                })
                .collect()),
            _ => {
                // With an order, a value is over the rows up to the last of the same place.
                let upto = |at: usize| {
                    let same = (at + 1..rows.len()).find(|next| is_next(*next));
                    if window.order.is_empty() { rows.len() } else { same.unwrap_or(rows.len()) }
                };
                numbers
                    .map(|at| {
                        let collected = rows[..upto(at)].iter().map(|(order, row)| Collected {
                            arguments: arguments[*row].clone(),
                            order: order.clone(),
                        });
                        self.aggregate(&window.aggregate, collected.collect())
                    })
                    .collect()
            }
        }
    }

    /// Shows a row as often as the longest of its sets has values.
    fn spread(
        &self,
        select: &Select,
        order: &[Order],
        frame: &mut Frame<'_>,
        shown: &mut Vec<Shown>,
    ) -> Result<()> {
        if select.sets.is_empty() {
            shown.push(self.shown(select, order, frame)?);
            return Ok(());
        }
        let mut sets = Vec::with_capacity(select.sets.len());
        for set in &select.sets {
            sets.push(self.evaluate(set, frame)?);
            // A set within another has its first value there.
            frame.sets.push(Value::Null);
        }
        let len = |set: &Value| set.as_array().map_or(0, <[Value]>::len);
        for row in 0..sets.iter().map(len).max().unwrap_or(0) {
            self.step()?;
            let value = |set: &Value| {
                set.as_array().and_then(|values| values.get(row)).cloned().unwrap_or(Value::Null)
            };
            frame.sets = sets.iter().map(value).collect();
            shown.push(self.shown(select, order, frame)?);
        }
        frame.take_sets();
        Ok(())
    }

    fn shown(&self, select: &Select, order: &[Order], frame: &Frame<'_>) -> Result<Shown> {
        let row: Result<Row> = select.outputs.iter().map(|e| self.evaluate(e, frame)).collect();
        let row = row?;
        let keys: Result<Vec<Value>> = order
            .iter()
            .map(|order| match &order.key {
                Key::Output(place) => Ok(row.get(*place).cloned().unwrap_or(Value::Null)),
                Key::Expr(expr) => self.evaluate(expr, frame),
            })
            .collect();
        let kind: Result<Vec<Value>> = match &select.distinct {
            Distinct::FirstOf(keys) => keys.iter().map(|key| self.evaluate(key, frame)).collect(),
            Distinct::All | Distinct::Once => Ok(Vec::new()),
        };
        Ok(Shown { row, keys: keys?, kind: kind? })
    }
}

fn frame_of<'f>(found: Found, outer: Option<&'f Frame<'f>>) -> Frame<'f> {
    let Found { slots, aggregates, windows } = found;
    Frame { slots, aggregates, windows, sets: Vec::new(), outer }
}

fn by_keys(a: &[Value], b: &[Value], order: &[Order]) -> Ordering {
    let pairs = a.iter().zip(b).zip(order);
    let keys = pairs.map(|((a, b), key)| ordered(a, b, key.is_descending, key.nulls_first));
    keys.fold(Ordering::Equal, Ordering::then)
}
