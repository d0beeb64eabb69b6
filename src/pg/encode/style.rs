//! How a session wants its values written.

use std::fmt;

use crate::pg::encode::zone::Zone;

/// The settings of a session that change the text of values.
#[derive(Clone, Debug, PartialEq)]
pub struct RowStyle {
    /// `DateStyle`.
    pub date_style: DateStyle,
    /// `IntervalStyle`.
    pub interval_style: IntervalStyle,
    /// `TimeZone`.
    pub time_zone: Zone,
    /// `extra_float_digits`: above zero, the shortest exact text.
    pub extra_float_digits: i32,
    /// `bytea_output`.
    pub bytea_output: ByteaOutput,
}

impl Default for RowStyle {
    fn default() -> Self {
        Self {
            date_style: DateStyle::default(),
            interval_style: IntervalStyle::default(),
            time_zone: Zone::utc(),
            extra_float_digits: 1,
            bytea_output: ByteaOutput::default(),
        }
    }
}

/// The setting `DateStyle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DateStyle {
    /// The shape of a date.
    pub form: DateForm,
    /// The order of day and month where the shape leaves it open.
    pub order: DateOrder,
}

/// The shape of a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateForm {
    /// `2024-12-17`
    #[default]
    Iso,
    /// `12/17/2024`
    Sql,
    /// `17.12.2024`
    German,
    /// `12-17-2024`, and `Tue Dec 17 07:37:16 2024` for a moment.
    Postgres,
}

/// The order of day, month and year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateOrder {
    /// Month, day, year.
    #[default]
    Mdy,
    /// Day, month, year.
    Dmy,
    /// Year, month, day: matters to what is read only.
    Ymd,
}

impl DateStyle {
    /// The style after `SET datestyle`: words between commas, each of which changes a part. Absent
    /// if a word is not known, or two of them contradict each other.
    #[must_use]
    pub fn changed_by(self, text: &str) -> Option<Self> {
        let (mut form, mut order) = (None, None);
        for word in text.split(',') {
            let word = word.trim().to_ascii_lowercase();
            let (word_form, word_order) = match word.as_str() {
                "iso" => (Some(DateForm::Iso), None),
                "sql" => (Some(DateForm::Sql), None),
                "german" => (Some(DateForm::German), None),
                _ if word.starts_with("postgres") => (Some(DateForm::Postgres), None),
                "ymd" => (None, Some(DateOrder::Ymd)),
                "dmy" => (None, Some(DateOrder::Dmy)),
                "mdy" | "us" => (None, Some(DateOrder::Mdy)),
                _ if word.starts_with("euro") => (None, Some(DateOrder::Dmy)),
                _ if word.starts_with("noneuro") => (None, Some(DateOrder::Mdy)),
                "default" => (Some(DateForm::Iso), Some(DateOrder::Mdy)),
                _ => return None,
            };
            let contradicts = word_form.is_some() && form.is_some() && form != word_form
                || word_order.is_some() && order.is_some() && order != word_order;
            if contradicts {
                return None;
            }
            form = form.or(word_form);
            order = order.or(word_order);
        }
        let german = form == Some(DateForm::German);
        let order_else = if german { DateOrder::Dmy } else { self.order };
        Some(Self { form: form.unwrap_or(self.form), order: order.unwrap_or(order_else) })
    }
}

impl fmt::Display for DateStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            DateForm::Iso => "ISO",
            DateForm::Sql => "SQL",
            DateForm::German => "German",
            DateForm::Postgres => "Postgres",
        };
        let order = match self.order {
            DateOrder::Mdy => "MDY",
            DateOrder::Dmy => "DMY",
            DateOrder::Ymd => "YMD",
        };
        write!(f, "{form}, {order}")
    }
}

/// The setting `IntervalStyle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntervalStyle {
    /// `1 year 2 mons 3 days 04:05:06`
    #[default]
    Postgres,
    /// `@ 1 year 2 mons 3 days 4 hours 5 mins 6 secs`
    PostgresVerbose,
    /// `+1-2 +3 +4:05:06`
    SqlStandard,
    /// `P1Y2M3DT4H5M6S`
    Iso8601,
}

impl IntervalStyle {
    /// The style of a name of the setting.
    pub fn parse(text: &str) -> Option<Self> {
        let styles = [Self::Postgres, Self::PostgresVerbose, Self::SqlStandard, Self::Iso8601];
        styles.into_iter().find(|style| style.name().eq_ignore_ascii_case(text.trim()))
    }

    /// The name in the setting.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::PostgresVerbose => "postgres_verbose",
            Self::SqlStandard => "sql_standard",
            Self::Iso8601 => "iso_8601",
        }
    }
}

/// The setting `bytea_output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByteaOutput {
    /// `\x6162`
    #[default]
    Hex,
    /// `ab`, with `\000` for what is not printable.
    Escape,
}

impl ByteaOutput {
    /// The form of a name of the setting.
    pub fn parse(text: &str) -> Option<Self> {
        let forms = [Self::Hex, Self::Escape];
        forms.into_iter().find(|form| form.name().eq_ignore_ascii_case(text.trim()))
    }

    /// The name in the setting.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Escape => "escape",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_change_parts_of_the_date_style() {
        let check = |text: &str, expected: Option<&str>| {
            let base = DateStyle { form: DateForm::Sql, order: DateOrder::Dmy };
            let changed = base.changed_by(text).map(|style| style.to_string());
            assert_eq!(changed.as_deref(), expected, "{text}");
        };
        check("ISO", Some("ISO, DMY"));
        check("iso, mdy", Some("ISO, MDY"));
        check("german", Some("German, DMY"));
        check("PostgreSQL,US", Some("Postgres, MDY"));
        check("European", Some("SQL, DMY"));
        check("ymd", Some("SQL, YMD"));
        check("iso, sql", None);
        check("mdy, dmy", None);
        check("julian", None);
    }

    #[test]
    fn styles_go_by_their_names() {
        assert_eq!(IntervalStyle::parse("ISO_8601"), Some(IntervalStyle::Iso8601));
        assert_eq!(IntervalStyle::parse("iso"), None);
        assert_eq!(ByteaOutput::parse("escape"), Some(ByteaOutput::Escape));
    }
}
