//! How rows are written, from the settings of a session.

use crate::pg::copy::{CopyFormat, CopyOptions, ForceQuote};
use crate::pg::encode::{ByteaOutput, DateStyle, IntervalStyle, RowStyle, Zone};
use crate::pg::settings::Settings;
use crate::pg::sql::copy::{Force, Layout, Options};

/// The style that the settings ask for; what they cannot ask for is PostgreSQL's default.
pub(super) fn of(settings: &Settings) -> RowStyle {
    let get = |name: &str| settings.get(name).unwrap_or_default();
    RowStyle {
        date_style: DateStyle::default().changed_by(&get("datestyle")).unwrap_or_default(),
        interval_style: IntervalStyle::parse(&get("intervalstyle")).unwrap_or_default(),
        time_zone: Zone::parse(&get("timezone")).unwrap_or_else(Zone::utc),
        extra_float_digits: get("extra_float_digits").parse().unwrap_or(1),
        bytea_output: ByteaOutput::parse(&get("bytea_output")).unwrap_or_default(),
    }
}

/// The options of a COPY, as they were written.
pub(super) fn copy(options: &Options) -> CopyOptions {
    let format = match options.layout {
        Layout::Text => CopyFormat::Text,
        Layout::Csv => CopyFormat::Csv,
        Layout::Binary => CopyFormat::Binary,
    };
    let usual = CopyOptions::of(format);
    let quote = options.quote.unwrap_or(usual.quote);
    CopyOptions {
        delimiter: options.delimiter.unwrap_or(usual.delimiter),
        null: options.null.clone().unwrap_or_else(|| usual.null.clone()),
        header: options.header,
        quote,
        escape: options.escape.unwrap_or(quote),
        force_quote: match &options.force_quote {
            Force::None => ForceQuote::None,
            Force::All => ForceQuote::All,
            Force::Columns(names) => ForceQuote::Columns(names.clone()),
        },
        ..usual
    }
}
