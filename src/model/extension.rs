//! Codelists that take over codes of others.
//!
//! Source: SDMX 3.0 section 2, 4.3.2, and schema `structure`, `CodelistExtensionType`.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::error::{Error, Result};
use crate::limits::{CODELIST_CODES_MAX, CODELIST_EXTENSION_DEPTH_MAX, CODELIST_WORK_MAX};
use crate::model::{ArtefactClass, MemberValue};
use crate::model::{Artefacts, Cascade, Code, CodeSelection, Codelist, CodelistExtension};

impl Artefacts {
    /// The list with every code that it takes over, its own last. A code that comes again takes the
    /// place of the one before.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if a list that is taken over is nowhere, or takes over itself;
    /// [`Error::Limit`] for too many codes.
    pub fn extended(&self, list: &Codelist) -> Result<Codelist> {
        let codes = Extender { artefacts: self, work: 0 }.codes(list, 0)?.into_owned();
        Ok(Codelist { codes, extensions: Vec::new(), ..list.clone() })
    }
}

struct Extender<'a> {
    artefacts: &'a Artefacts,
    /// Codes compared so far.
    work: usize,
}

impl<'a> Extender<'a> {
    fn codes(&mut self, list: &'a Codelist, depth: usize) -> Result<Cow<'a, [Code]>> {
        if list.extensions.is_empty() {
            return Ok(Cow::Borrowed(&list.codes));
        }
        let at = || format!("{} {}", ArtefactClass::Codelist.name(), list.identity.id);
        if depth == CODELIST_EXTENSION_DEPTH_MAX {
            let reason = "takes over lists that take over lists, too deep or in a circle";
            return Err(Error::invalid(at(), reason));
        }
        let mut all = Codes::default();
        for extension in &list.extensions {
            let Some(source) = self.artefacts.codelist(&extension.codelist) else {
                let reason =
                    format!("takes over {}, which is nowhere; load it first", extension.codelist);
                return Err(Error::invalid(at(), reason));
            };
            let codes = self.codes(source, depth + 1)?;
            let members = match &extension.selection {
                None => 0,
                Some(CodeSelection::Only(members) | CodeSelection::AllBut(members)) => {
                    members.len()
                }
            };
            self.spend(codes.len().saturating_mul(members + 1) + 1)?;
            let taken = taken(&codes, extension.selection.as_ref());
            for code in codes.iter().filter(|code| taken.contains(code.id.as_str())) {
                all.insert(prefixed(code, extension, &taken))?;
            }
        }
        for code in &list.codes {
            all.insert(code.clone())?;
        }
        Ok(Cow::Owned(all.codes))
    }

    /// Bounds what lists cost that take over each other many times.
    fn spend(&mut self, work: usize) -> Result<()> {
        self.work = self.work.saturating_add(work);
        let (what, limit) = ("the codes compared to extend a codelist", CODELIST_WORK_MAX as u64);
        let actual = self.work as u64;
        if actual > limit { Err(Error::Limit { what, actual, limit }) } else { Ok(()) }
    }
}

/// Codes with their places.
#[derive(Default)]
struct Codes {
    codes: Vec<Code>,
    places: HashMap<String, usize>,
}

impl Codes {
    fn insert(&mut self, code: Code) -> Result<()> {
        if let Some(known) = self.places.get(&code.id).and_then(|at| self.codes.get_mut(*at)) {
            *known = code;
            return Ok(());
        }
        let (actual, limit) = (self.codes.len() as u64 + 1, CODELIST_CODES_MAX as u64);
        if actual > limit {
            return Err(Error::Limit { what: "the number of codes of a list", actual, limit });
        }
        self.places.insert(code.id.clone(), self.codes.len());
        self.codes.push(code);
        Ok(())
    }
}

/// The codes that an extension takes.
fn taken<'a>(codes: &'a [Code], selection: Option<&CodeSelection>) -> HashSet<&'a str> {
    let ids = codes.iter().map(|code| code.id.as_str());
    match selection {
        None => ids.collect(),
        Some(CodeSelection::Only(members)) => named(codes, members),
        Some(CodeSelection::AllBut(members)) => {
            let left_out = named(codes, members);
            ids.filter(|id| !left_out.contains(id)).collect()
        }
    }
}

/// The codes that members of a selection name.
fn named<'a>(codes: &'a [Code], members: &[MemberValue]) -> HashSet<&'a str> {
    let mut found = HashSet::new();
    for MemberValue { value, cascade } in members {
        let roots: HashSet<&str> =
            codes.iter().map(|code| code.id.as_str()).filter(|id| matches(value, id)).collect();
        if *cascade != Cascade::No {
            found.extend(below(codes, &roots));
        }
        if *cascade != Cascade::OnlyBelow {
            found.extend(roots);
        }
    }
    found
}

/// The codes below these.
fn below<'a>(codes: &'a [Code], roots: &HashSet<&str>) -> HashSet<&'a str> {
    let mut children: HashMap<&str, Vec<&'a str>> = HashMap::new();
    for code in codes {
        if let Some(parent) = code.parent.as_deref() {
            children.entry(parent).or_default().push(&code.id);
        }
    }
    let mut found = HashSet::new();
    let mut open: Vec<&str> = roots.iter().copied().collect();
    while let Some(parent) = open.pop() {
        for child in children.get(parent).into_iter().flatten() {
            if found.insert(*child) {
                open.push(child);
            }
        }
    }
    found
}

/// Whether a pattern, in which `%` stands for any text, is this code.
fn matches(pattern: &str, id: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('%') else { return pattern == id };
    let Some(mut text) = id.strip_prefix(first) else { return false };
    let mut parts = rest.split('%').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        let Some(at) = text.find(part) else { return false };
        text = text.get(at + part.len()..).unwrap_or_default();
    }
    true
}

/// A code as the list has it that takes it over. A parent that is not taken is no parent there.
fn prefixed(code: &Code, extension: &CodelistExtension, taken: &HashSet<&str>) -> Code {
    let prefix = extension.prefix.as_deref().unwrap_or_default();
    let parent = code.parent.as_deref().filter(|parent| taken.contains(parent));
    Code {
        id: format!("{prefix}{}", code.id),
        parent: parent.map(|parent| format!("{prefix}{parent}")),
        ..code.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Artefact, ArtefactId, Identity};

    fn id(name: &str) -> ArtefactId {
        ArtefactId::new("A", name, "1.0")
    }

    /// A list of codes `ID` or `ID<PARENT`.
    fn list(name: &str, codes: &[&str], extensions: Vec<CodelistExtension>) -> Codelist {
        let code = |text: &&str| {
            let (id, parent) = text.split_once('<').unwrap_or((text, ""));
            let parent = Some(parent.to_owned()).filter(|parent| !parent.is_empty());
            Code { id: id.to_owned(), parent, ..Code::default() }
        };
        Codelist {
            identity: Identity::named(id(name), name),
            is_partial: false,
            codes: codes.iter().map(code).collect(),
            is_value_list: false,
            extensions,
        }
    }

    fn extension(name: &str, prefix: &str, selection: Option<CodeSelection>) -> CodelistExtension {
        let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
        CodelistExtension { codelist: id(name), prefix, selection }
    }

    fn member(value: &str, cascade: Cascade) -> MemberValue {
        MemberValue { value: value.to_owned(), cascade }
    }

    #[track_caller]
    fn check(own: &[&str], extensions: Vec<CodelistExtension>, expected: &str) {
        let base = list("BASE", &["W", "EU<W", "IT<EU", "FR<EU", "US<W"], Vec::new());
        let list = list("MORE", own, extensions);
        let artefacts =
            Artefacts::from(vec![Artefact::Codelist(base), Artefact::Codelist(list.clone())]);
        let found = match artefacts.extended(&list) {
            Ok(list) => {
                let text = |code: &Code| match &code.parent {
                    Some(parent) => format!("{}<{parent}", code.id),
                    None => code.id.clone(),
                };
                list.codes.iter().map(text).collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn takes_over_the_codes_that_are_selected() {
        let only = |members| Some(CodeSelection::Only(members));
        let all_but = |members| Some(CodeSelection::AllBut(members));
        check(&["X"], vec![extension("BASE", "", None)], "W EU<W IT<EU FR<EU US<W X");
        check(
            &["US"],
            vec![extension("BASE", "", all_but(vec![member("EU", Cascade::Below)]))],
            "W US",
        );
        check(
            &[],
            vec![extension("BASE", "P_", only(vec![member("EU", Cascade::OnlyBelow)]))],
            "P_IT P_FR",
        );
        check(
            &[],
            vec![
                extension("BASE", "1", only(vec![member("%U%", Cascade::No)])),
                extension("BASE", "2", only(vec![member("I%", Cascade::No)])),
            ],
            "1EU 1US 2IT",
        );
    }

    #[test]
    fn refuses_lists_that_are_nowhere_and_circles() {
        check(
            &[],
            vec![extension("NONE", "", None)],
            "codelist A:MORE(1.0): takes over A:NONE(1.0), which is nowhere; load it first",
        );
        check(
            &[],
            vec![extension("MORE", "", None)],
            "codelist A:MORE(1.0): takes over lists that take over lists, too deep or in a circle",
        );
    }

    #[test]
    fn patterns_stand_for_codes() {
        let check = |pattern: &str, id: &str, expected: bool| {
            assert_eq!(matches(pattern, id), expected, "{pattern} {id}");
        };
        check("A", "A", true);
        check("A", "AB", false);
        check("A%", "A", true);
        check("%B", "AB", true);
        check("A%A", "A", false);
        check("A%C%E", "ABCDE", true);
        check("A%E%C", "ABCDE", false);
    }
}
