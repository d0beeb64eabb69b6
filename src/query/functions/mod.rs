//! The functions of the field, one value in and one value out.
//!
//! | function | what it gives |
//! |---|---|
//! | `period_start(text)` | the first day of a period, as a date |
//! | `period_end(text)` | the last day that a period touches, as a date |
//! | `period_shift(text, n)` | the period `n` later in the same form: `2020-Q4`, 1 is `2021-Q1` |
//! | `in_period(text, text)` | whether the first period lies within the second: chronology |
//! | `label(list, code [, language])` | the name of a code: `label('ECB:CL_CURRENCY', 'USD', 'fr')` |
//! | `to_char(moment, pattern)` | PostgreSQL's, in place of DataFusion's |
//!
//! Read `period`, then `shift`, then `label`, `to_char`.

mod label;
mod period;
mod shift;
mod to_char;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub use label::{LabelMap, Labels, label_function};

/// All functions of this module, the names of codes taken from `labels`.
pub fn all(labels: &Arc<Labels>, language: &str) -> Vec<Arc<ScalarUDF>> {
    let mut all: Vec<ScalarUDF> = period::all();
    all.push(shift::function());
    all.push(to_char::function());
    let mut all: Vec<Arc<ScalarUDF>> = all.into_iter().map(Arc::new).collect();
    all.push(Arc::new(label_function(labels, language)));
    all
}
