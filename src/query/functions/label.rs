//! `label(list, code [, language])`: the name of a code.
//!
//! The names of one list in one language are one column and a table from code to row, built once
//! for each snapshot. A column of codes becomes a column of names by looking up each run of equal
//! codes once and gathering: no name is copied, and no join is planned.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, UInt32Builder};
use arrow::compute::take;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use hashbrown::HashMap;

use crate::error::{self, Error};
use crate::model::Codelist;
use crate::query::catalogue::find_codelist;
use crate::query::error::to_datafusion;
use crate::query::functions::period;
use crate::store::Snapshot;

/// Where the names come from: the codelists of one snapshot, and what was looked up so far.
pub struct Labels {
    snapshot: Arc<Snapshot>,
    maps: Mutex<HashMap<(String, String), Arc<LabelMap>>>,
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Labels")
    }
}

impl Labels {
    /// The names in a snapshot.
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, maps: Mutex::default() }
    }

    /// The names of a list (`ECB:CL_CURRENCY`, of which the newest version counts, or
    /// `ECB:CL_CURRENCY(1.0)`) in a language.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such list.
    pub fn map(&self, list: &str, language: &str) -> error::Result<Arc<LabelMap>> {
        let key = (list.to_owned(), language.to_owned());
        let mut maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(map) = maps.get(&key) {
            return Ok(Arc::clone(map));
        }
        let list = find_codelist(self.snapshot.artefacts(), list)?;
        let map = Arc::new(LabelMap::new(list, language));
        maps.insert(key, Arc::clone(&map));
        Ok(map)
    }
}

/// The names of the codes of one list in one language.
#[derive(Debug)]
pub struct LabelMap {
    rows: HashMap<Box<str>, u32>,
    names: ArrayRef,
}

impl LabelMap {
    /// The names of a list in `language`, else in English, else in any.
    pub fn new(list: &Codelist, language: &str) -> Self {
        let codes = (0u32..).zip(&list.codes);
        let rows = codes.map(|(row, code)| (code.id.as_str().into(), row)).collect();
        let names = list.codes.iter().map(|code| code.names.best(language));
        Self { rows, names: Arc::new(names.collect::<StringViewArray>()) }
    }

    /// The names of a column of codes; NULL for NULL, for a code that is not in the list, and for
    /// one without any name.
    ///
    /// # Errors
    ///
    /// None in practice: rows that come from this map exist in it.
    pub fn apply(&self, codes: &StringViewArray) -> Result<ArrayRef> {
        let mut rows = UInt32Builder::with_capacity(codes.len());
        let mut last: Option<(&str, Option<u32>)> = None;
        for code in codes {
            let Some(code) = code else {
                rows.append_null();
                continue;
            };
            let row = match last {
                Some((known, row)) if known == code => row,
                _ => self.rows.get(code).copied(),
            };
            last = Some((code, row));
            rows.append_option(row);
        }
        Ok(take(&self.names, &rows.finish(), None)?)
    }
}

/// The function of this file, with the language that counts where none is given.
pub fn label_function(labels: &Arc<Labels>, language: &str) -> ScalarUDF {
    let text = |count| TypeSignature::Exact(vec![DataType::Utf8View; count]);
    let signature = Signature::one_of(vec![text(2), text(3)], Volatility::Immutable);
    let (labels, language) = (Arc::clone(labels), language.to_owned());
    ScalarUDF::new_from_impl(Label { labels, language, signature })
}

/// See the module. Two are equal if they read the same snapshot in the same language.
#[derive(Debug)]
struct Label {
    labels: Arc<Labels>,
    language: String,
    signature: Signature,
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.labels, &other.labels) && self.language == other.language
    }
}

impl Eq for Label {}

impl Hash for Label {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.language.hash(state);
    }
}

impl ScalarUDFImpl for Label {
    fn name(&self) -> &'static str {
        "label"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let list = constant(&arguments, 0, "list")?;
        let language = match arguments.args.len() {
            3 => constant(&arguments, 2, "language")?,
            _ => Some(self.language.clone()),
        };
        let Some((list, language)) = list.zip(language) else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Utf8View(None)));
        };
        let map = self.labels.map(&list, &language).map_err(to_datafusion)?;
        let scalar = matches!(arguments.args.get(1), Some(ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { arguments.number_rows };
        let codes = period::text_argument(&arguments, 1, rows)?;
        period::column_or_scalar(map.apply(codes.as_string_view())?, scalar)
    }
}

/// The text of a constant argument.
fn constant(
    arguments: &ScalarFunctionArgs,
    index: usize,
    what: &'static str,
) -> Result<Option<String>> {
    if let Some(ColumnarValue::Scalar(value)) = arguments.args.get(index) {
        return Ok(value.try_as_str().flatten().map(str::to_owned));
    }
    let reason = format!("the {what} must be a constant, such as 'ECB:CL_CURRENCY' or 'fr'");
    Err(to_datafusion(Error::invalid("label", reason)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ArtefactId, Code, Identity, Names};

    fn list() -> Codelist {
        let code = |id: &str, en: &str, fr: Option<&str>| Code {
            id: id.to_owned(),
            names: Names(
                [
                    Some(("en".to_owned(), en.to_owned())),
                    fr.map(|t| ("fr".to_owned(), t.to_owned())),
                ]
                .into_iter()
                .flatten()
                .collect(),
            ),
            ..Code::default()
        };
        let nameless = Code { id: "XXX".to_owned(), ..Code::default() };
        Codelist {
            identity: Identity::named(ArtefactId::new("ECB", "CL_CURRENCY", "1.0"), "Currency"),
            is_partial: false,
            is_value_list: false,
            extensions: Vec::new(),
            codes: vec![
                code("EUR", "Euro", None),
                code("USD", "US dollar", Some("Dollar des États-Unis d'Amérique")),
                nameless,
            ],
        }
    }

    #[test]
    fn names_codes_in_a_language() {
        let check = |language: &str, codes: &[Option<&str>], expected: &[Option<&str>]| {
            let codes: StringViewArray = codes.iter().copied().collect();
            let found = LabelMap::new(&list(), language).apply(&codes).expect("names");
            let found: Vec<Option<&str>> = found.as_string_view().iter().collect();
            assert_eq!(found, expected, "{language}");
        };
        let codes = [Some("USD"), Some("USD"), None, Some("EUR"), Some("ZZZ"), Some("XXX")];
        let french = Some("Dollar des États-Unis d'Amérique");
        check("fr", &codes, &[french, french, None, Some("Euro"), None, None]);
        let english = Some("US dollar");
        check("en", &codes, &[english, english, None, Some("Euro"), None, None]);
        check("de", &codes, &[english, english, None, Some("Euro"), None, None]);
    }
}
