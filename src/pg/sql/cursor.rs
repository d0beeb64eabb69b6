//! The words of cursors: `DECLARE`, `FETCH`, `MOVE`.

use datafusion::sql::sqlparser::ast;

use crate::pg::errors::Fault;
use crate::pg::sql::text;
use crate::pg::sql::words::Words;

/// `DECLARE name CURSOR FOR query`.
#[derive(Clone, Debug)]
pub(in crate::pg) struct Declare {
    pub(in crate::pg) name: String,
    pub(in crate::pg) is_binary: bool,
    pub(in crate::pg) may_scroll: bool,
    pub(in crate::pg) is_held: bool,
    pub(in crate::pg) query: Box<ast::Statement>,
}

/// Which rows of a cursor. Counts are as they were written: negative means backward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pg) enum Direction {
    Forward(i64),
    ForwardAll,
    BackwardAll,
    /// The row of this number, from 1; from the end if negative.
    Absolute(i64),
    /// The row so many after the current one.
    Relative(i64),
}

/// `FETCH direction FROM name`, or `MOVE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pg) struct Fetch {
    pub(in crate::pg) cursor: String,
    pub(in crate::pg) direction: Direction,
    /// Whether the rows are counted only.
    pub(in crate::pg) is_move: bool,
}

/// Reads what follows DECLARE.
pub(in crate::pg) fn declare(words: &mut Words<'_>) -> Result<Declare, Fault> {
    let name = words.name()?;
    let (mut is_binary, mut may_scroll, mut is_held) = (false, false, false);
    loop {
        if words.accept("BINARY") {
            is_binary = true;
        } else if words.accept_all(&["NO", "SCROLL"]) {
            may_scroll = false;
        } else if words.accept("SCROLL") {
            may_scroll = true;
        } else if !words.accept("INSENSITIVE") && !words.accept("ASENSITIVE") {
            break;
        }
    }
    words.expect("CURSOR")?;
    if words.accept_all(&["WITH", "HOLD"]) {
        is_held = true;
    } else {
        words.accept_all(&["WITHOUT", "HOLD"]);
    }
    words.expect("FOR")?;
    if words.is_at_end() {
        return Err(words.wrong());
    }
    let query = Box::new(text::statement(words.sql(), words.rest())?);
    Ok(Declare { name, is_binary, may_scroll, is_held, query })
}

/// Reads what follows FETCH or MOVE.
pub(in crate::pg) fn fetch(words: &mut Words<'_>, is_move: bool) -> Result<Fetch, Fault> {
    let direction = direction(words);
    if !words.accept("FROM") {
        words.accept("IN");
    }
    let cursor = words.name()?;
    words.end()?;
    Ok(Fetch { cursor, direction, is_move })
}

fn direction(words: &mut Words<'_>) -> Direction {
    if let Some(count) = words.number() {
        return Direction::Forward(count);
    }
    match words.word().as_str() {
        "NEXT" => read(words, Direction::Forward(1)),
        "PRIOR" => read(words, Direction::Forward(-1)),
        "FIRST" => read(words, Direction::Absolute(1)),
        "LAST" => read(words, Direction::Absolute(-1)),
        "ALL" => read(words, Direction::ForwardAll),
        "ABSOLUTE" => {
            words.skip();
            Direction::Absolute(words.number().unwrap_or(1))
        }
        "RELATIVE" => {
            words.skip();
            Direction::Relative(words.number().unwrap_or(1))
        }
        "FORWARD" => {
            words.skip();
            if words.accept("ALL") {
                Direction::ForwardAll
            } else {
                Direction::Forward(words.number().unwrap_or(1))
            }
        }
        "BACKWARD" => {
            words.skip();
            if words.accept("ALL") {
                Direction::BackwardAll
            } else {
                Direction::Forward(words.number().unwrap_or(1).saturating_neg())
            }
        }
        _ => Direction::Forward(1),
    }
}

fn read(words: &mut Words<'_>, direction: Direction) -> Direction {
    words.skip();
    direction
}
