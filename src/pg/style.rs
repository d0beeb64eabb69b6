//! How rows are written, from the settings of a session.

use crate::pg::encode::{ByteaOutput, DateStyle, IntervalStyle, RowStyle, Zone};
use crate::pg::settings::Settings;

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
