//! Which language names are written in.
//!
//! Source: RFC 9110, section 12.5.4; RFC 4647, section 3.4 (lookup).

use std::collections::BTreeSet;

use crate::model::{Artefact, Artefacts, Names};
use crate::rest::accept::Range;

/// The languages that names of artefacts are in, in lower case.
pub(super) fn known(artefacts: &Artefacts) -> BTreeSet<String> {
    let mut languages = BTreeSet::new();
    let mut add = |names: &Names| {
        for (language, _) in &names.0 {
            if !languages.contains(language.as_str()) {
                languages.insert(language.to_ascii_lowercase());
            }
        }
    };
    for artefact in artefacts.iter() {
        add(&artefact.identity().names);
        match artefact {
            Artefact::Codelist(list) => list.codes.iter().for_each(|code| add(&code.names)),
            Artefact::ConceptScheme(scheme) => {
                scheme.concepts.iter().for_each(|concept| add(&concept.names));
            }
            _ => {}
        }
    }
    languages
}

/// Chooses by `lang=` of the query, else by `Accept-Language`, else English, else any.
///
/// # Errors
///
/// The languages there are, if the query asks for another.
pub(super) fn choose(
    query: Option<&str>,
    accept: Option<&str>,
    known: &BTreeSet<String>,
) -> Result<String, String> {
    let lookup = |wanted: &str| {
        let mut wanted = wanted.to_ascii_lowercase();
        loop {
            if known.contains(&wanted) {
                return Some(wanted);
            }
            let at = wanted.rfind('-')?;
            wanted.truncate(at);
        }
    };
    let default = || {
        let english = known.get("en").or_else(|| known.first());
        english.map_or_else(|| "en".to_owned(), Clone::clone)
    };
    match query {
        Some("all" | "*") => return Ok(default()),
        Some(asked) => {
            return lookup(asked).ok_or_else(|| {
                let there = known.iter().cloned().collect::<Vec<_>>().join(", ");
                format!("there are no names in the language {asked:?}; there are: {there}")
            });
        }
        None => {}
    }
    let ranges = Range::parse_list(accept.unwrap_or_default());
    let mut wanted = ranges.iter().filter(|range| range.quality > 0 && range.name != "*");
    let found = wanted.find_map(|range| lookup(&range.name));
    Ok(found.unwrap_or_else(default))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_fall_back_to_shorter_tags_and_to_english() {
        let known: BTreeSet<String> = ["de", "en", "fr", "fr-ch"].map(str::to_owned).into();
        let check = |query: Option<&str>, accept: Option<&str>, expected: Option<&str>| {
            let found = choose(query, accept, &known);
            assert_eq!(found.ok().as_deref(), expected, "{query:?} {accept:?}");
        };
        check(None, None, Some("en"));
        check(None, Some("fr-CH, fr;q=0.9, en;q=0.8"), Some("fr-ch"));
        check(None, Some("de-AT-1996, en;q=0.1"), Some("de"));
        check(None, Some("it"), Some("en"));
        check(None, Some("*"), Some("en"));
        check(Some("fr-BE"), Some("de"), Some("fr"));
        check(Some("it"), Some("de"), None);
        check(Some("all"), None, Some("en"));
        assert_eq!(choose(None, None, &BTreeSet::new()).as_deref(), Ok("en"));
    }
}
