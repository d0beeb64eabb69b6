//! What must hold for an observation, taken apart by what it depends on.
//!
//! A condition is a formula of AND and OR over parts of which each depends on the series alone, on
//! the period alone, on attributes of the observation, or on a value. Each part is the set of what
//! passes: found once per code, per period, per value of an attribute. NOT is gone: it was brought
//! to the parts by the laws of De Morgan, where it asks what is FALSE. So NULL passes nowhere.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::query::aggregate::keys::attributes::AttributeTable;
use crate::query::aggregate::keys::series::SeriesTable;
use crate::query::aggregate::keys::values::ValueSet;
use crate::query::aggregate::walk::positions::Positions;
use crate::query::scan::PeriodTable;
use crate::segment::{Chunk, ChunkSpan, PagePart};
use crate::store::Cube;

/// What must hold for an observation.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// As the plan shows it.
    pub(crate) text: String,
    pub(crate) formula: Formula,
}

/// A formula over sets.
#[derive(Clone, Debug)]
pub(crate) enum Formula {
    Constant(bool),
    Series(SeriesSet),
    Periods(PeriodSet),
    Attributes(AttributeSet),
    Values(ValueSet),
    All(Vec<Formula>),
    Any(Vec<Formula>),
}

/// Series whose combination of codes and attributes is wanted.
#[derive(Clone, Debug)]
pub(crate) struct SeriesSet {
    pub(crate) table: SeriesTable,
    /// By the number of the combination.
    pub(crate) wanted: Vec<bool>,
}

/// Periods that are wanted, as ranges of places in the table of periods, ascending and disjoint.
#[derive(Clone, Debug)]
pub(crate) struct PeriodSet {
    pub(crate) places: Vec<Range<usize>>,
}

/// Observations whose combination of attributes is wanted.
#[derive(Clone, Debug)]
pub(crate) struct AttributeSet {
    pub(crate) table: AttributeTable,
    /// By the number of the combination.
    pub(crate) wanted: Vec<bool>,
}

/// What is known of a condition for all observations of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Always,
    Never,
    /// Only the observations tell.
    Depends,
}

impl Verdict {
    pub(crate) fn of(holds: bool) -> Self {
        if holds { Self::Always } else { Self::Never }
    }

    /// What is known of both together.
    #[inline]
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Always, Self::Always) => Self::Always,
            _ => Self::Depends,
        }
    }

    /// What is known of one or the other.
    #[inline]
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Always, _) | (_, Self::Always) => Self::Always,
            (Self::Never, Self::Never) => Self::Never,
            _ => Self::Depends,
        }
    }
}

/// Chunks of a part before they are decoded, each the only one of its series, and of the same number.
#[derive(Clone, Copy)]
pub(crate) struct PageFacts<'a> {
    pub(crate) cube: &'a Cube,
    pub(crate) part: usize,
    pub(crate) of: PagePart<'a>,
    /// Where periods have their places, if places matter.
    pub(crate) periods: Option<&'a PeriodTable>,
    /// Whether a condition on a value is as good as met by all if some observation meets it.
    pub(crate) is_some_enough: bool,
}

/// A chunk of a series of a part, before it is decoded.
#[derive(Clone, Copy)]
pub(crate) struct ChunkFacts<'a> {
    pub(crate) cube: &'a Cube,
    pub(crate) part: usize,
    pub(crate) series: u32,
    pub(crate) chunk: u32,
    pub(crate) span: ChunkSpan,
    /// The place of its first period, where places matter.
    pub(crate) place: Option<usize>,
}

/// A decoded chunk.
#[derive(Clone, Copy)]
pub(crate) struct Decoded<'a> {
    pub(crate) cube: &'a Cube,
    pub(crate) part: usize,
    pub(crate) series: u32,
    pub(crate) data: &'a Chunk,
    /// The place of its first period, where places matter.
    pub(crate) place: Option<usize>,
}

impl Formula {
    /// The conjunction of these.
    pub(crate) fn all(formulas: Vec<Self>) -> Self {
        Self::combine(formulas, false, Self::All)
    }

    /// The disjunction of these.
    pub(crate) fn any(formulas: Vec<Self>) -> Self {
        Self::combine(formulas, true, Self::Any)
    }

    /// Combines formulas, where `strong` alone decides, and its opposite says nothing.
    fn combine(formulas: Vec<Self>, strong: bool, all: fn(Vec<Self>) -> Self) -> Self {
        let mut rest = Vec::with_capacity(formulas.len());
        for formula in formulas {
            match formula {
                Self::Constant(value) if value == strong => return Self::Constant(strong),
                Self::Constant(_) => {}
                other => rest.push(other),
            }
        }
        match rest.len() {
            0 => Self::Constant(!strong),
            1 => rest.remove(0),
            _ => all(rest),
        }
    }

    /// Adds the measures that it needs.
    pub(crate) fn measures(&self, measures: &mut Vec<usize>) {
        match self {
            Self::Values(set) => measures.push(set.measure),
            Self::All(inner) | Self::Any(inner) => {
                for formula in inner {
                    formula.measures(measures);
                }
            }
            _ => {}
        }
    }

    /// Adds the attributes of observations that it needs.
    pub(crate) fn attributes(&self, attributes: &mut Vec<usize>) {
        match self {
            Self::Attributes(set) => attributes.extend(set.table.attributes()),
            Self::All(inner) | Self::Any(inner) => {
                for formula in inner {
                    formula.attributes(attributes);
                }
            }
            _ => {}
        }
    }

    /// Whether it, or a part of it, depends on the period.
    pub(crate) fn has_periods(&self) -> bool {
        match self {
            Self::Periods(_) => true,
            Self::All(inner) | Self::Any(inner) => inner.iter().any(Self::has_periods),
            _ => false,
        }
    }

    /// Whether it can say of some chunk that nothing of it is wanted, without reading it.
    pub(crate) fn prunes(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Attributes(_) => false,
            Self::Series(_) | Self::Periods(_) | Self::Values(_) => true,
            Self::All(inner) => inner.iter().any(Self::prunes),
            Self::Any(inner) => inner.iter().all(Self::prunes),
        }
    }

    /// Whether it can say of some chunk that all of it is wanted, without reading it.
    pub(crate) fn admits(&self) -> bool {
        match self {
            Self::Attributes(_) => false,
            Self::Constant(_) | Self::Series(_) | Self::Periods(_) | Self::Values(_) => true,
            Self::All(inner) => inner.iter().all(Self::admits),
            Self::Any(inner) => inner.iter().any(Self::admits),
        }
    }

    /// Whether the series alone decides.
    pub(crate) fn is_of_series(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Series(_) => true,
            Self::All(inner) | Self::Any(inner) => inner.iter().all(Self::is_of_series),
            _ => false,
        }
    }

    /// What is known for all observations of a chunk without reading it.
    pub(crate) fn verdict(&self, of: &ChunkFacts<'_>) -> Result<Verdict> {
        Ok(match self {
            Self::Constant(value) => Verdict::of(*value),
            Self::Series(set) => Verdict::of(set.wants(of.cube, of.part, of.series)?),
            Self::Periods(set) => match of.place {
                Some(place) => set.verdict(place..place + usize::from(of.span.slots)),
                None => Verdict::Depends,
            },
            Self::Attributes(_) => Verdict::Depends,
            Self::Values(set) => {
                let total = of.cube.parts()[of.part].total(set.measure, of.chunk)?;
                set.verdict(&total, u64::from(of.span.observations))
            }
            Self::All(inner) => {
                strongest(inner, |one| one.verdict(of), (Verdict::Never, Verdict::Always))?
            }
            Self::Any(inner) => {
                strongest(inner, |one| one.verdict(of), (Verdict::Always, Verdict::Never))?
            }
        })
    }

    /// Sets `out` to what is known for all observations of each of some chunks without reading them.
    pub(crate) fn verdicts(&self, of: &PageFacts<'_>, out: &mut Vec<Verdict>) -> Result<()> {
        out.clear();
        match self {
            Self::Constant(holds) => out.resize(of.of.len(), Verdict::of(*holds)),
            Self::Series(set) => {
                let mut marks = Vec::new();
                set.marks((of.cube, of.part), of.of, &mut marks)?;
                out.extend(marks.iter().map(|mark| Verdict::of(*mark)));
            }
            Self::Periods(set) => set.verdicts(of, out)?,
            Self::Attributes(_) => out.resize(of.of.len(), Verdict::Depends),
            Self::Values(set) => set.verdicts(of, out)?,
            Self::All(inner) | Self::Any(inner) => {
                let is_all = matches!(self, Self::All(_));
                out.resize(of.of.len(), Verdict::of(is_all));
                let mut one = Vec::new();
                for formula in inner {
                    formula.verdicts(of, &mut one)?;
                    for (all, one) in out.iter_mut().zip(&one) {
                        *all = if is_all { all.and(*one) } else { all.or(*one) };
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether it is met where the series is one of a set, and one value of an observation too.
    pub(crate) fn is_of_series_and_a_value(&self) -> bool {
        let is_value = |formula: &Self| matches!(formula, Self::Values(_));
        match self {
            Self::Values(_) => true,
            Self::All(inner) => {
                inner.iter().filter(|formula| is_value(formula)).count() == 1
                    && inner.iter().all(|formula| is_value(formula) || formula.is_of_series())
            }
            _ => false,
        }
    }

    /// Sets `out` to whether it holds for each of these series of a part, where the series alone
    /// decides.
    pub(crate) fn marks(
        &self,
        (cube, part): (&Cube, usize),
        of: PagePart<'_>,
        out: &mut Vec<bool>,
    ) -> Result<()> {
        out.clear();
        match self {
            Self::Constant(holds) => out.resize(of.len(), *holds),
            Self::Series(set) => set.marks((cube, part), of, out)?,
            Self::All(inner) | Self::Any(inner) => {
                let is_all = matches!(self, Self::All(_));
                out.resize(of.len(), is_all);
                let mut one = Vec::new();
                for formula in inner {
                    formula.marks((cube, part), of, &mut one)?;
                    for (all, one) in out.iter_mut().zip(&one) {
                        *all = if is_all { *all && *one } else { *all || *one };
                    }
                }
            }
            Self::Periods(_) | Self::Attributes(_) | Self::Values(_) => {
                return Err(Error::bug("a condition that the series does not decide"));
            }
        }
        Ok(())
    }

    /// Sets `out` to the positions of a chunk that pass. Those without an observation may be among
    /// them. `spare` is for work.
    pub(crate) fn positions(
        &self,
        of: &Decoded<'_>,
        spare: &mut Vec<Positions>,
        out: &mut Positions,
    ) -> Result<()> {
        let count = of.data.slots;
        match self {
            Self::Constant(holds) => out.fill_or_clear(*holds, count),
            Self::Series(set) => {
                out.fill_or_clear(set.wants(of.cube, of.part, of.series)?, count);
            }
            Self::Periods(set) => set.positions(of.place.unwrap_or_default(), count, out),
            Self::Attributes(set) => set.positions(of.part, of.data, out),
            Self::Values(set) => set.positions(&of.data.measures[set.measure], count, out),
            Self::All(inner) | Self::Any(inner) => {
                let is_all = matches!(self, Self::All(_));
                let mut one = spare.pop().unwrap_or_default();
                if is_all {
                    out.fill(count);
                } else {
                    out.clear(count);
                }
                for formula in inner {
                    formula.positions(of, spare, &mut one)?;
                    if is_all {
                        out.intersect(&one);
                    } else {
                        out.unite(&one);
                    }
                    if is_all && out.is_empty() {
                        break;
                    }
                }
                spare.push(one);
            }
        }
        Ok(())
    }
}

/// `strong` if the verdict on one is so; `weak` if that on all is.
pub(crate) fn strongest(
    inner: &[Formula],
    verdict: impl Fn(&Formula) -> Result<Verdict>,
    (strong, weak): (Verdict, Verdict),
) -> Result<Verdict> {
    let mut all = weak;
    for formula in inner {
        let one = verdict(formula)?;
        if one == strong {
            return Ok(strong);
        }
        if one != weak {
            all = Verdict::Depends;
        }
    }
    Ok(all)
}

impl SeriesSet {
    #[inline]
    fn wants(&self, cube: &Cube, part: usize, series: u32) -> Result<bool> {
        let number = self.table.number(cube, part, series)?;
        Ok(self.wanted.get(number as usize).copied().unwrap_or(false))
    }

    /// Adds to `out` whether each of these series of a part is wanted.
    fn marks(&self, of_part: (&Cube, usize), of: PagePart<'_>, out: &mut Vec<bool>) -> Result<()> {
        let (mut numbers, mut room) = (vec![0; of.len()], Vec::new());
        self.table.add_page(of_part, of, (1, &mut numbers), &mut room)?;
        let wanted = |number: &u64| self.wanted.get(usize::try_from(*number).ok()?).copied();
        out.extend(numbers.iter().map(|number| wanted(number).unwrap_or(false)));
        Ok(())
    }
}

impl PeriodSet {
    /// The ranges that overlap with these places.
    pub(crate) fn overlapping(&self, places: Range<usize>) -> impl Iterator<Item = &Range<usize>> {
        let first = self.places.partition_point(|range| range.end <= places.start);
        self.places[first..].iter().take_while(move |range| range.start < places.end)
    }

    fn verdict(&self, places: Range<usize>) -> Verdict {
        match self.overlapping(places.clone()).next() {
            None => Verdict::Never,
            Some(range) if range.start <= places.start && places.end <= range.end => {
                Verdict::Always
            }
            Some(_) => Verdict::Depends,
        }
    }

    /// Adds to `out` what is known of each of some chunks.
    fn verdicts(&self, of: &PageFacts<'_>, out: &mut Vec<Verdict>) -> Result<()> {
        let (segment, mut room) = (of.cube.parts()[of.part].segment(), Vec::new());
        let spans = of.of.of(segment.spans_page(of.of.page())?, &mut room);
        out.extend(spans.iter().map(|span| {
            let place = of.periods.and_then(|table| table.place(span.form, span.first));
            place.map_or(Verdict::Depends, |at| self.verdict(at..at + usize::from(span.slots)))
        }));
        Ok(())
    }

    fn positions(&self, place: usize, count: usize, out: &mut Positions) {
        out.clear(count);
        for range in self.overlapping(place..place + count) {
            out.insert_range(range.start.saturating_sub(place)..range.end - place);
        }
    }
}

impl AttributeSet {
    fn positions(&self, part: usize, chunk: &Chunk, out: &mut Positions) {
        if self.wanted[self.table.of_most(part, chunk)] {
            out.fill(chunk.slots);
        } else {
            out.clear(chunk.slots);
        }
        self.table.exceptions(part, chunk, |position, combination| {
            if self.wanted[combination] {
                out.insert(position);
            } else {
                out.remove(position);
            }
        });
    }
}
