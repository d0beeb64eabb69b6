//! A statement over the catalogue, ready to run.
//!
//! Read in this order: this file (what a plan is made of), `scope` (which names mean what), `query`
//! (WITH, UNION, ORDER BY), `select`, `from` (joins, and the order to walk them in), `expression`,
//! `special` (expressions with a syntax of their own), `call` (functions), `coerce` (types), `name`
//! (what a column of the answer is called).

mod call;
mod coerce;
mod expression;
mod from;
mod name;
mod query;
mod scope;
mod select;
mod special;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

pub(crate) use name::parts;
pub(crate) use query::Planner;

use crate::error::Result;
use crate::pg::catalog::functions::Body as FunctionBody;
use crate::pg::catalog::functions::pattern::Pattern;
use crate::pg::catalog::relation::{Column, Shared};
use crate::pg::catalog::types::Type;
use crate::pg::catalog::value::Value;

/// An expression and its type.
#[derive(Clone)]
pub(crate) struct Typed {
    pub(crate) expr: Expr,
    pub(crate) ty: Type,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Whether it holds of two values in this order.
    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// What is calculated from two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}

/// What is asked of a value that may be NULL, and answered by yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Null,
    NotNull,
    True,
    NotTrue,
    False,
    NotFalse,
}

/// What a subquery is asked for.
#[derive(Clone)]
pub(crate) enum Asked {
    /// Its one value.
    Value,
    /// Whether it has rows.
    Exists,
    /// Its values as an array.
    Array,
    /// Whether a value compares so with any or with all of its values.
    Compared { left: Box<Expr>, by: Comparison, with_all: bool },
}

/// A call of a function for each row.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) body: FunctionBody,
    pub(crate) is_strict: bool,
    pub(crate) arguments: Vec<Expr>,
    pub(crate) types: Vec<Type>,
    pub(crate) result: Type,
}

/// An expression, with all names looked up.
#[derive(Clone)]
pub(crate) enum Expr {
    Constant(Value),
    Parameter(usize),
    /// A column of a table of this query, or of one `level` queries further out.
    Column {
        level: usize,
        slot: usize,
        column: usize,
    },
    /// A whole row.
    WholeRow {
        level: usize,
        slot: usize,
    },
    /// The number of the relation that a row is of.
    RelationOf {
        level: usize,
        slot: usize,
    },
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Test(Test, Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// Whether two values differ, NULL being a value.
    Distinct(Box<Expr>, Box<Expr>),
    Calculate(Arithmetic, Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    /// Texts or arrays, one behind the other.
    Concatenate {
        parts: Vec<Expr>,
        is_array: bool,
    },
    /// A regular expression or a pattern of LIKE.
    Matches {
        text: Box<Expr>,
        pattern: Box<Expr>,
        known: Option<Pattern>,
        style: Style,
    },
    Case {
        whens: Vec<(Expr, Expr)>,
        otherwise: Box<Expr>,
    },
    Coalesce(Vec<Expr>),
    NullIf(Box<Expr>, Box<Expr>),
    Extreme {
        all: Vec<Expr>,
        greatest: bool,
    },
    Cast {
        expr: Box<Expr>,
        from: Type,
        to: Type,
    },
    /// A comparison with any or all elements of an array.
    Quantified {
        left: Box<Expr>,
        by: Comparison,
        array: Box<Expr>,
        with_all: bool,
    },
    /// A match of any or all elements of an array.
    QuantifiedMatch {
        text: Box<Expr>,
        patterns: Box<Expr>,
        style: Style,
        with_all: bool,
    },
    Array(Vec<Expr>),
    Row(Vec<Expr>),
    Element {
        array: Box<Expr>,
        index: Box<Expr>,
        is_from_zero: bool,
    },
    Slice {
        array: Box<Expr>,
        from: Option<Box<Expr>>,
        to: Option<Box<Expr>>,
    },
    Field(Box<Expr>, usize),
    Call(Arc<Call>),
    Subquery {
        query: Arc<Query>,
        asked: Asked,
    },
    /// What the groups, the windows and the functions that return sets have calculated.
    Aggregate(usize),
    Window(usize),
    Set(usize),
}

impl Expr {
    /// The expressions that it is made of, without what a query within it is made of.
    pub(crate) fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Constant(_)
            | Self::Parameter(_)
            | Self::Column { .. }
            | Self::WholeRow { .. }
            | Self::RelationOf { .. }
            | Self::Aggregate(_)
            | Self::Window(_)
            | Self::Set(_) => Vec::new(),
            Self::Subquery { asked, .. } => match asked {
                Asked::Compared { left, .. } => vec![left],
                Asked::Value | Asked::Exists | Asked::Array => Vec::new(),
            },
            Self::And(all)
            | Self::Or(all)
            | Self::Coalesce(all)
            | Self::Array(all)
            | Self::Row(all)
            | Self::Concatenate { parts: all, .. }
            | Self::Extreme { all, .. } => all.iter().collect(),
            Self::Not(one)
            | Self::Test(_, one)
            | Self::Negate(one)
            | Self::Cast { expr: one, .. }
            | Self::Field(one, _) => vec![one],
            Self::Compare(_, left, right)
            | Self::Distinct(left, right)
            | Self::Calculate(_, left, right)
            | Self::NullIf(left, right)
            | Self::Matches { text: left, pattern: right, .. }
            | Self::Quantified { left, array: right, .. }
            | Self::QuantifiedMatch { text: left, patterns: right, .. }
            | Self::Element { array: left, index: right, .. } => vec![left, right],
            Self::Case { whens, otherwise } => {
                let whens = whens.iter().flat_map(|(when, then)| [when, then]);
                whens.chain([otherwise.as_ref()]).collect()
            }
            Self::Slice { array, from, to } => [Some(array), from.as_ref(), to.as_ref()]
                .into_iter()
                .flatten()
                .map(AsRef::as_ref)
                .collect(),
            Self::Call(call) => call.arguments.iter().collect(),
        }
    }
}

/// How a pattern is written, and what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Style {
    pub(crate) is_like: bool,
    pub(crate) ignores_case: bool,
    pub(crate) is_negated: bool,
    pub(crate) escape: Option<char>,
}

/// A query.
pub(crate) struct Query {
    pub(crate) id: usize,
    /// Whether it uses columns of the queries around it: its answer is another for each row.
    pub(crate) is_correlated: bool,
    pub(crate) body: Body,
    pub(crate) columns: Vec<Column>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<Expr>,
    pub(crate) offset: Option<Expr>,
}

/// What a query is made of.
pub(crate) enum Body {
    Select(Box<Select>),
    Values(Vec<Vec<Expr>>),
    Set {
        kind: SetKind,
        keeps_all: bool,
        left: Box<Query>,
        right: Box<Query>,
    },
    /// A common table expression that reads itself.
    Recursive {
        id: usize,
        keeps_all: bool,
        first: Box<Query>,
        next: Box<Query>,
    },
}

/// How two answers become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetKind {
    Union,
    Intersect,
    Except,
}

/// What rows are sorted by.
pub(crate) struct Order {
    pub(crate) key: Key,
    pub(crate) is_descending: bool,
    pub(crate) nulls_first: bool,
}

/// A column of the answer, or an expression over the rows that it is made of.
#[derive(Clone)]
pub(crate) enum Key {
    Output(usize),
    Expr(Expr),
}

/// SELECT.
pub(crate) struct Select {
    pub(crate) slots: usize,
    pub(crate) steps: Vec<Step>,
    /// The keys of the groups; absent if rows are not grouped.
    pub(crate) groups: Option<Vec<Expr>>,
    pub(crate) aggregates: Vec<Aggregate>,
    pub(crate) having: Option<Expr>,
    pub(crate) windows: Vec<Window>,
    pub(crate) sets: Vec<Expr>,
    pub(crate) outputs: Vec<Expr>,
    pub(crate) distinct: Distinct,
}

/// Which rows of an answer are kept.
pub(crate) enum Distinct {
    All,
    Once,
    FirstOf(Vec<Expr>),
}

/// An aggregate over the rows of a group.
pub(crate) struct Aggregate {
    pub(crate) name: String,
    pub(crate) arguments: Vec<Expr>,
    pub(crate) types: Vec<Type>,
    pub(crate) is_distinct: bool,
    pub(crate) order: Vec<(Expr, bool, bool)>,
    pub(crate) filter: Option<Expr>,
}

/// A window function or an aggregate over a window.
pub(crate) struct Window {
    pub(crate) aggregate: Aggregate,
    pub(crate) partition: Vec<Expr>,
    pub(crate) order: Vec<(Expr, bool, bool)>,
}

/// A step on the way through the tables of a FROM clause: each binds a slot to a row.
pub(crate) enum Step {
    Scan {
        slot: usize,
        source: Source,
        /// The column that a value is looked up in, and the value.
        look_up: Option<(usize, Expr)>,
        filters: Vec<Expr>,
    },
    /// Rows that need not be there: without one, the slots are bound to NULLs.
    Outer {
        slots: Vec<usize>,
        steps: Vec<Step>,
    },
    Filter(Vec<Expr>),
}

/// Where rows come from.
#[derive(Clone)]
pub(crate) enum Source {
    Relation(Shared),
    /// A query within the row of this one, or of one `level` queries further out.
    Query {
        query: Arc<Query>,
        level: usize,
    },
    /// What a recursive query has found in its last round.
    Working(usize),
    /// A function that returns rows, by how many columns they have.
    Function {
        call: Box<Expr>,
        columns: Arc<[Column]>,
        has_ordinality: bool,
        is_row: bool,
    },
}

/// A statement, ready to run.
pub(crate) struct Statement {
    pub(crate) query: Query,
    /// The types of the parameters.
    pub(crate) parameters: Vec<u32>,
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Statement of {} columns", self.query.columns.len())
    }
}

/// What planning an expression gives.
pub(crate) type Planned = Result<Typed>;
