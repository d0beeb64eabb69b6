//! Texts and numbers.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a function that cannot fail has the shape of those that can"
)]

use crate::error::Result;
use crate::pg::catalog::functions::pattern::Pattern;
use crate::pg::catalog::functions::{Body, Called, at, text_at};
use crate::pg::catalog::literal::write;
use crate::pg::catalog::plan::Style;
use crate::pg::catalog::value::Value;
use crate::pg::catalog::world::quote_name;

pub(super) fn find(name: &str) -> Option<Body> {
    Some(match name {
        "lower" => |_, arguments| Ok(Value::text(text_at(arguments, 0).to_lowercase())),
        "upper" => |_, arguments| Ok(Value::text(text_at(arguments, 0).to_uppercase())),
        "length" | "char_length" | "character_length" => |_, arguments| Ok(count(arguments)),
        "octet_length" => |_, arguments| {
            Ok(Value::Int(i64::try_from(text_at(arguments, 0).len()).unwrap_or(i64::MAX)))
        },
        "substring" | "substr" => substring,
        "left" => left,
        "right" => right,
        "btrim" => {
            |_, arguments| Ok(Value::text(text_at(arguments, 0).trim_matches(trimmed(arguments))))
        }
        "ltrim" => |_, arguments| {
            Ok(Value::text(text_at(arguments, 0).trim_start_matches(trimmed(arguments))))
        },
        "rtrim" => |_, arguments| {
            Ok(Value::text(text_at(arguments, 0).trim_end_matches(trimmed(arguments))))
        },
        "replace" => |_, arguments| {
            let (from, to) = (text_at(arguments, 1), text_at(arguments, 2));
            let text = text_at(arguments, 0);
            Ok(Value::text(if from.is_empty() { text.to_owned() } else { text.replace(from, to) }))
        },
        "strpos" | "position" => |_, arguments| {
            let (text, part) = (text_at(arguments, 0), text_at(arguments, 1));
            let place = text.find(part).map_or(0, |at| text[..at].chars().count() + 1);
            Ok(Value::Int(i64::try_from(place).unwrap_or(0)))
        },
        "starts_with" => {
            |_, arguments| Ok(Value::Bool(text_at(arguments, 0).starts_with(text_at(arguments, 1))))
        }
        "split_part" => split_part,
        "concat" => |called, arguments| Ok(Value::text(written(called, arguments, 0, "").join(""))),
        "concat_ws" => |called, arguments| {
            Ok(Value::text(written(called, arguments, 1, "").join(text_at(arguments, 0))))
        },
        "format" => format,
        "quote_ident" => |_, arguments| Ok(Value::text(quote_name(text_at(arguments, 0)))),
        "quote_literal" => |_, arguments| Ok(Value::text(quoted(text_at(arguments, 0)))),
        "quote_nullable" => |_, arguments| {
            Ok(Value::text(at(arguments, 0).as_text().map_or("NULL".to_owned(), quoted)))
        },
        "regexp_replace" => regexp_replace,
        "regexp_like" => |_, arguments| {
            let style =
                Style { is_like: false, ignores_case: false, is_negated: false, escape: None };
            Ok(Value::Bool(
                Pattern::new(text_at(arguments, 1), style)?.matches(text_at(arguments, 0)),
            ))
        },
        _ => return find_plain(name),
    })
}

/// Letters and numbers.
fn find_plain(name: &str) -> Option<Body> {
    Some(match name {
        "repeat" => |_, arguments| {
            let times = at(arguments, 1).as_int().unwrap_or(0).clamp(0, 1_000);
            Ok(Value::text(text_at(arguments, 0).repeat(usize::try_from(times).unwrap_or(0))))
        },
        "chr" => |_, arguments| {
            let letter = at(arguments, 0).as_oid().and_then(char::from_u32);
            Ok(Value::maybe(letter.map(String::from)))
        },
        "ascii" => |_, arguments| {
            Ok(Value::Int(
                text_at(arguments, 0).chars().next().map_or(0, |c| i64::from(u32::from(c))),
            ))
        },
        "abs" => |_, arguments| {
            Ok(match at(arguments, 0) {
                Value::Int(number) => Value::Int(number.saturating_abs()),
                other => other.as_float().map_or(Value::Null, |number| Value::Float(number.abs())),
            })
        },
        "ceil" | "ceiling" => |_, arguments| Ok(rounded(arguments, f64::ceil)),
        "floor" => |_, arguments| Ok(rounded(arguments, f64::floor)),
        "trunc" => |_, arguments| Ok(rounded(arguments, f64::trunc)),
        "round" => |_, arguments| Ok(rounded(arguments, f64::round)),
        _ => return None,
    })
}

fn count(arguments: &[Value]) -> Value {
    Value::Int(i64::try_from(text_at(arguments, 0).chars().count()).unwrap_or(i64::MAX))
}

fn rounded(arguments: &[Value], round: fn(f64) -> f64) -> Value {
    match at(arguments, 0) {
        Value::Int(number) => Value::Int(*number),
        other => other.as_float().map_or(Value::Null, |number| Value::Float(round(number))),
    }
}

/// The letters that are trimmed: those of the second argument, or blanks.
fn trimmed(arguments: &[Value]) -> impl Fn(char) -> bool {
    let letters: Vec<char> = at(arguments, 1).as_text().unwrap_or(" ").chars().collect();
    move |letter| letters.contains(&letter)
}

/// `substring(text, from, count)`, from 1; what is before the first letter counts too.
fn substring(_: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let text = text_at(arguments, 0);
    let Some(from) = at(arguments, 1).as_int() else { return Ok(Value::Null) };
    let count = at(arguments, 2).as_int().unwrap_or(i64::MAX);
    let to = from.saturating_add(count.max(0));
    let letters = text.chars().zip(1_i64..).filter(|(_, place)| (from..to).contains(place));
    Ok(Value::text(letters.map(|(letter, _)| letter).collect::<String>()))
}

fn left(_: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let text = text_at(arguments, 0);
    Ok(Value::text(text.chars().take(kept(text, arguments)).collect::<String>()))
}

fn right(_: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let text = text_at(arguments, 0);
    let gone = text.chars().count().saturating_sub(kept(text, arguments));
    Ok(Value::text(text.chars().skip(gone).collect::<String>()))
}

/// How many letters are kept; a negative number leaves out that many.
fn kept(text: &str, arguments: &[Value]) -> usize {
    let number = at(arguments, 1).as_int().unwrap_or(0);
    let letters = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    usize::try_from(if number < 0 { letters + number } else { number.min(letters) }).unwrap_or(0)
}

fn split_part(_: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let parts: Vec<&str> = text_at(arguments, 0).split(text_at(arguments, 1)).collect();
    let number = at(arguments, 2).as_int().unwrap_or(0);
    let len = i64::try_from(parts.len()).unwrap_or(i64::MAX);
    let place = if number < 0 { len + number } else { number - 1 };
    let part = usize::try_from(place).ok().and_then(|place| parts.get(place));
    Ok(Value::text(part.copied().unwrap_or_default()))
}

/// The arguments as texts, NULLs left out.
fn written(called: &Called<'_>, arguments: &[Value], from: usize, missing: &str) -> Vec<String> {
    let pairs = arguments.iter().zip(called.types).skip(from);
    let written = pairs.filter_map(|(value, ty)| match value {
        Value::Null if missing.is_empty() => None,
        Value::Null => Some(missing.to_owned()),
        value => Some(write(called.world, ty, value)),
    });
    written.collect()
}

/// `format('%s %I %L', ...)`.
fn format(called: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(pattern) = at(arguments, 0).as_text() else { return Ok(Value::Null) };
    let mut place = 1;
    let mut text = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let kind = letters.next();
        if kind == Some('%') {
            text.push('%');
            continue;
        }
        let value = match (arguments.get(place), called.types.get(place)) {
            (Some(Value::Null) | None, _) | (_, None) => None,
            (Some(value), Some(ty)) => Some(write(called.world, ty, value)),
        };
        place += 1;
        match kind {
            Some('I') => text.push_str(&quote_name(&value.unwrap_or_default())),
            Some('L') => text.push_str(&value.map_or("NULL".to_owned(), |value| quoted(&value))),
            _ => text.push_str(&value.unwrap_or_default()),
        }
    }
    Ok(Value::text(text))
}

/// A text as a literal of SQL.
pub(super) fn quoted(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') {
        return format!("E'{}'", doubled.replace('\\', "\\\\"));
    }
    format!("'{doubled}'")
}

/// `regexp_replace(text, pattern, replacement)`: the first match, or with `g` each.
fn regexp_replace(_: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let (text, pattern) = (text_at(arguments, 0), text_at(arguments, 1));
    let (with, flags) = (text_at(arguments, 2), text_at(arguments, 3));
    let with = with.replace('$', "$$").replace("\\&", "${0}");
    let with = (1..10).fold(with, |with, n| with.replace(&format!("\\{n}"), &format!("${{{n}}}")));
    let style = Style {
        is_like: false,
        ignores_case: flags.contains('i'),
        is_negated: false,
        escape: None,
    };
    Ok(Value::text(Pattern::replace(text, pattern, style, &with, flags.contains('g'))?))
}
