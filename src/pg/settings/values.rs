//! From the value that somebody wrote to the one that PostgreSQL shows.

use crate::pg::charset::Charset;
use crate::pg::errors::Fault;
use crate::pg::settings::known::{Kind, Known};

/// The value as it is shown.
pub(super) fn canonical(known: &Known, value: &str) -> Result<String, Fault> {
    let wrong = || {
        let text = format!("invalid value for parameter \"{}\": \"{value}\"", known.name);
        Fault::new("22023", text)
    };
    let value = value.trim();
    match known.kind {
        Kind::Text if known.name == "application_name" => {
            let shown = |c: char| if (' '..='~').contains(&c) { c } else { '?' };
            Ok(value.chars().take(63).map(shown).collect())
        }
        Kind::Fixed | Kind::Amount | Kind::Text => Ok(value.to_owned()),
        Kind::Flag => flag(value).map(str::to_owned).ok_or_else(|| {
            wrong().detail(format!("parameter \"{}\" requires a Boolean value", known.name))
        }),
        Kind::Number(least, greatest) => {
            let number: i64 = value.parse().map_err(|_| wrong())?;
            if (least..=greatest).contains(&number) {
                return Ok(number.to_string());
            }
            let text = format!(
                "{number} is outside the valid range for parameter \"{}\" ({least} .. {greatest})",
                known.name
            );
            Err(Fault::new("22023", text))
        }
        Kind::Time => {
            let time = milliseconds(value).ok_or_else(wrong)?;
            Ok(shown_time(time))
        }
        Kind::Choice(words) => {
            let lower = value.to_lowercase();
            let found = words.iter().find(|word| **word == lower);
            found
                .map(|word| (*word).to_owned())
                .ok_or_else(|| wrong().hint(format!("Available values: {}.", words.join(", "))))
        }
        Kind::DateStyle => date_style(value).ok_or_else(wrong),
        Kind::Zone => zone(value).ok_or_else(wrong),
        Kind::Charset => {
            let charset = Charset::parse(value);
            charset
                .map(|charset| charset.name().to_owned())
                .ok_or_else(|| wrong().hint("Available values: UTF8, LATIN1, WIN1252."))
        }
    }
}

fn flag(value: &str) -> Option<&'static str> {
    match value.to_lowercase().as_str() {
        "on" | "true" | "t" | "yes" | "y" | "1" => Some("on"),
        "off" | "false" | "f" | "no" | "n" | "0" => Some("off"),
        _ => None,
    }
}

/// A time such as `500`, `5s`, `10min`, in milliseconds.
pub(super) fn milliseconds(value: &str) -> Option<u64> {
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let unit = match unit.trim() {
        "" | "ms" => 1,
        "us" => return number.parse::<u64>().ok().map(|number| number / 1_000),
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let time = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (time <= 2_147_483_647).then_some(time)
}

fn shown_time(time: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    match units.into_iter().find(|(unit, _)| time > 0 && time.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", time / unit),
        None if time == 0 => "0".to_owned(),
        None => format!("{time}ms"),
    }
}

/// The style and the order of days and months; what is not said is ISO and MDY.
fn date_style(value: &str) -> Option<String> {
    let (mut style, mut order) = (None, None);
    for part in value.split(',') {
        match part.trim().to_lowercase().as_str() {
            "iso" => style = Some("ISO"),
            "sql" => style = Some("SQL"),
            "postgres" => style = Some("Postgres"),
            "german" => {
                style = Some("German");
                order = order.or(Some("DMY"));
            }
            "mdy" | "us" | "noneuro" | "noneuropean" => order = Some("MDY"),
            "dmy" | "euro" | "european" => order = Some("DMY"),
            "ymd" => order = Some("YMD"),
            "default" => {}
            _ => return None,
        }
    }
    Some(format!("{}, {}", style.unwrap_or("ISO"), order.unwrap_or("MDY")))
}

/// A zone by its name; names are checked where they are used, as there are too many to list.
fn zone(value: &str) -> Option<String> {
    let value = value.trim_matches('\'');
    match value.to_uppercase().as_str() {
        "UTC" | "GMT" | "Z" | "ZULU" | "LOCAL" | "DEFAULT" | "0" => return Some("UTC".to_owned()),
        _ => {}
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_+-:".contains(c);
    (!value.is_empty() && value.len() <= 64 && value.chars().all(plain)).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::settings::known;

    #[test]
    fn shows_values_as_postgresql_does() {
        let check = |name: &str, value: &str, expected: &str| {
            let known = known::find(name).expect("known");
            assert_eq!(canonical(known, value).as_deref(), Ok(expected), "{name} {value}");
        };
        check("statement_timeout", "500", "500ms");
        check("statement_timeout", "60s", "1min");
        check("statement_timeout", "0", "0");
        check("datestyle", "SQL, DMY", "SQL, DMY");
        check("datestyle", "german", "German, DMY");
        check("datestyle", "iso", "ISO, MDY");
        check("jit", "FALSE", "off");
        check("timezone", "Europe/Brussels", "Europe/Brussels");
        check("timezone", "utc", "UTC");
        check("client_encoding", "latin-1", "LATIN1");
        check("default_transaction_isolation", "SERIALIZABLE", "serializable");
        check("application_name", "Crète", "Cr?te");
    }
}
