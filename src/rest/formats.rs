//! Which form an answer has: what is offered, and what a client asks for by header or query.
//!
//! Source: SDMX REST 2.2.2, `doc/content_negotiation.md` and `doc/extend.md`; SDMX REST 1.5,
//! section 4.7.

use crate::model::VersionPattern;
use crate::rest::accept::Range;
use crate::sdmx::data::{CsvEdition, CsvLabels, CsvStyle, DataFormat};
use crate::sdmx::request::{Edition, Preferences};
use crate::sdmx::structure::StructureFormat;

/// What kind of message is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Data.
    Data,
    /// Structures, availability included.
    Structure,
}

/// A form of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Of data.
    Data(DataFormat),
    /// Of structures.
    Structure(StructureFormat),
}

/// The form that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    /// The form.
    pub(super) format: Format,
    /// What `Content-Type` says.
    pub(super) content_type: String,
    /// The end of a file name, where the client asked for a file.
    pub(super) file: Option<&'static str>,
}

/// The forms that errors come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// SDMX-ML.
    Xml,
    /// SDMX-JSON.
    Json,
    /// Plain text.
    Text,
}

/// A form on offer: its media type without the prefix, and its version.
struct Offer {
    kind: Kind,
    media: &'static str,
    version: &'static str,
    edition: Edition,
    format: Make,
}

/// How the form of an offer is made.
#[derive(Clone, Copy)]
enum Make {
    Data(fn() -> DataFormat),
    Structure(StructureFormat),
}

/// The prefix of the media types of SDMX.
const SDMX: &str = "application/vnd.sdmx.";

/// Everything on offer. Of a kind and an edition the first is the one meant by `*/*`; of these and
/// a family the first is meant by `application/xml`, `application/json` or `text/csv`; of a
/// media type and an edition the first is meant without a version.
const OFFERS: [Offer; 18] = [
    data("genericdata+xml", "2.1", Edition::V1, || DataFormat::GenericXml21),
    data("structurespecificdata+xml", "2.1", Edition::V1, || DataFormat::StructureSpecificXml21),
    data("generictimeseriesdata+xml", "2.1", Edition::V1, || DataFormat::GenericSeriesXml21),
    data("structurespecifictimeseriesdata+xml", "2.1", Edition::V1, || {
        DataFormat::StructureSpecificSeriesXml21
    }),
    data("data+json", "1.0.0", Edition::V1, || DataFormat::Json10),
    data("data+json", "1.0.0-wd", Edition::V1, || DataFormat::JsonDraft),
    data("data+csv", "1.0.0", Edition::V1, || csv(CsvEdition::V1_0)),
    data("data+json", "2.0.0", Edition::V2, || DataFormat::Json20),
    data("data+json", "2.1.0", Edition::V2, || DataFormat::Json21),
    data("data+xml", "3.0.0", Edition::V2, || DataFormat::Xml30),
    data("data+csv", "2.0.0", Edition::V2, || csv(CsvEdition::V2_0)),
    data("data+csv", "2.1.0", Edition::V2, || csv(CsvEdition::V2_1)),
    structure("structure+xml", "2.1", Edition::V1, StructureFormat::Xml21),
    structure("structure+json", "1.0.0", Edition::V1, StructureFormat::Json10),
    structure("structure+json", "2.0.0", Edition::V2, StructureFormat::Json20),
    structure("structure+json", "2.1.0", Edition::V2, StructureFormat::Json21),
    structure("structure+xml", "3.0.0", Edition::V2, StructureFormat::Xml30),
    structure("structure+xml", "3.1.0", Edition::V2, StructureFormat::Xml31),
];

/// Short names of formats in queries: those of the standard's appendix first, then those of
/// services that clients were written for.
const ALIASES: [(&str, &str); 20] = [
    ("csvdata", "data+csv"),
    ("jsondata", "data+json"),
    ("genericdata", "genericdata+xml"),
    ("structurespecificdata", "structurespecificdata+xml"),
    ("generictimeseriesdata", "generictimeseriesdata+xml"),
    ("structurespecifictimeseriesdata", "structurespecifictimeseriesdata+xml"),
    ("structure", "structure+xml"),
    ("jsonstructure", "structure+json"),
    ("csv", "data+csv"),
    ("csvfile", "data+csv"),
    ("csvfilewithlabels", "data+csv"),
    ("sdmx-csv", "data+csv"),
    ("json", "application/json"),
    ("sdmx-json", "application/json"),
    ("xml", "application/xml"),
    ("sdmx-ml", "application/xml"),
    ("sdmx_2.1_generic", "genericdata+xml"),
    ("sdmx_2.1_structured", "structurespecificdata+xml"),
    ("sdmx_3.0_structured", "data+xml"),
    ("sdmx_2.1_structure", "structure+xml"),
];

const fn data(
    media: &'static str,
    version: &'static str,
    edition: Edition,
    format: fn() -> DataFormat,
) -> Offer {
    Offer { kind: Kind::Data, media, version, edition, format: Make::Data(format) }
}

const fn structure(
    media: &'static str,
    version: &'static str,
    edition: Edition,
    format: StructureFormat,
) -> Offer {
    Offer { kind: Kind::Structure, media, version, edition, format: Make::Structure(format) }
}

const fn csv(version: CsvEdition) -> DataFormat {
    DataFormat::Csv(CsvStyle {
        version,
        labels: CsvLabels::Ids,
        has_normalized_time: false,
        has_series_key: false,
        has_observation_key: false,
    })
}

/// Chooses the form of an answer. What the query says goes before the header; a client that says
/// nothing, or is a browser, gets the first form on offer.
///
/// # Errors
///
/// What is on offer, if none of what the client asks for is.
pub(super) fn choose(
    kind: Kind,
    edition: Edition,
    preferences: &Preferences,
    accept: Option<&str>,
) -> Result<Chosen, String> {
    let asked = Asked { kind, edition };
    if let Some(format) = &preferences.format {
        let chosen = asked.by_query(format, preferences.format_version.as_deref());
        return chosen.ok_or_else(|| asked.not_acceptable(&format!("format={format}")));
    }
    let ranges = Range::parse_list(accept.unwrap_or_default());
    if ranges.is_empty() {
        return asked.first().ok_or_else(|| asked.not_acceptable("nothing"));
    }
    let refused: Vec<Chosen> = ranges
        .iter()
        .filter(|range| range.quality == 0)
        .filter_map(|range| asked.by_range(range).map(|(chosen, _)| chosen))
        .collect();
    let mut best: Option<(u16, u8, Chosen)> = None;
    for range in ranges.iter().filter(|range| range.quality > 0) {
        let Some((chosen, precision)) = asked.by_range(range) else { continue };
        let is_better = best
            .as_ref()
            .is_none_or(|(quality, known, _)| (range.quality, precision) > (*quality, *known));
        if is_better && !refused.contains(&chosen) {
            best = Some((range.quality, precision, chosen));
        }
    }
    if let Some((_, _, chosen)) = best {
        return Ok(chosen);
    }
    let is_browser = ranges.iter().any(|range| range.name == "text/html");
    let fallback = asked.first().filter(|_| is_browser);
    fallback.ok_or_else(|| asked.not_acceptable(accept.unwrap_or_default()))
}

/// The form of errors: that of the answer, where one would have been found, else the first that
/// the client understands.
pub(super) fn family(edition: Edition, preferences: &Preferences, accept: Option<&str>) -> Family {
    for kind in [Kind::Data, Kind::Structure] {
        if let Ok(chosen) = choose(kind, edition, preferences, accept) {
            let is_browser = accept.is_some_and(|accept| accept.contains("text/html"));
            return if is_browser { Family::Text } else { family_of(&chosen.content_type) };
        }
    }
    Family::Text
}

fn family_of(media: &str) -> Family {
    match media {
        _ if media.contains("+xml") => Family::Xml,
        _ if media.contains("+json") => Family::Json,
        _ => Family::Text,
    }
}

/// What is asked for, and in which version of the interface.
#[derive(Clone, Copy)]
struct Asked {
    kind: Kind,
    edition: Edition,
}

impl Asked {
    /// What is on offer, that of the edition first.
    fn offers(self) -> impl Iterator<Item = &'static Offer> {
        let of = move |own: bool| {
            let all = OFFERS.iter().filter(move |offer| offer.kind == self.kind);
            all.filter(move |offer| (offer.edition == self.edition) == own)
        };
        of(true).chain(of(false))
    }

    fn first(self) -> Option<Chosen> {
        self.offers().next()?.chosen(&[])
    }

    fn by_query(self, format: &str, version: Option<&str>) -> Option<Chosen> {
        let mut parameters = Vec::new();
        if let Some(version) = version {
            parameters.push(("version".to_owned(), version.to_owned()));
        }
        if format.contains('/') {
            let mut range = Range::parse(format)?;
            range.parameters.extend(parameters);
            return self.by_range(&range).map(|(chosen, _)| chosen);
        }
        let format = format.to_ascii_lowercase();
        let (_, media) = ALIASES.iter().find(|(alias, _)| *alias == format)?;
        let media = match (self.kind, *media) {
            (Kind::Structure, "data+json") => "structure+json",
            // What is specific to a structure has no other name in version 3.
            (Kind::Data, "structurespecificdata+xml")
                if self.edition == Edition::V2 && version.is_none_or(|v| !v.starts_with('2')) =>
            {
                "data+xml"
            }
            (_, media) => media,
        };
        if format == "csvfilewithlabels" {
            parameters.push(("labels".to_owned(), "both".to_owned()));
        }
        let name = if media.contains('/') { media.to_owned() } else { format!("{SDMX}{media}") };
        let range = Range { name, parameters, quality: 1_000 };
        let (mut chosen, _) = self.by_range(&range)?;
        chosen.file = format.starts_with("csvfile").then_some("csv");
        Some(chosen)
    }

    /// The form that a range means, and how precisely it says so.
    fn by_range(self, range: &Range) -> Option<(Chosen, u8)> {
        let version = range.parameter("version");
        let family = match range.name.as_str() {
            "*/*" | "application/*" => return self.first().map(|chosen| (chosen, 0)),
            "application/xml" | "text/xml" => Some(Family::Xml),
            "application/json" | "text/json" => Some(Family::Json),
            "text/csv" | "application/csv" | "text/*" => Some(Family::Text),
            _ => None,
        };
        let mut fitting = self.offers().filter(|offer| match family {
            Some(family) => family_of(offer.media) == family,
            None => range.name.strip_prefix(SDMX) == Some(offer.media),
        });
        let offer = match version {
            None => fitting.next()?,
            Some(version) => {
                let fitting: Vec<&Offer> = fitting.collect();
                let versions = fitting.iter().map(|offer| offer.version);
                let wanted = version_of(version, versions)?;
                fitting.into_iter().find(|offer| offer.version == wanted)?
            }
        };
        let precision = if family.is_some() { 1 } else { 2 };
        offer.chosen(&range.parameters).map(|chosen| (chosen, precision))
    }

    fn not_acceptable(self, asked: &str) -> String {
        let types =
            self.offers().map(|offer| format!("{SDMX}{};version={}", offer.media, offer.version));
        let types = types.collect::<Vec<_>>().join(", ");
        format!("{asked:?} is not on offer; there are {types}")
    }
}

/// Which of the versions on offer is meant: one by its text, short of zeros at its end or not; or
/// one of a range, such as `2.0+.0`.
fn version_of(text: &str, offered: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let offered: Vec<&str> = offered.collect();
    let padded = format!("{text}.0");
    let known = offered.iter().find(|known| **known == text || **known == padded);
    if let Some(known) = known {
        return Some(known);
    }
    let patterns = VersionPattern::parse_v2(text).ok()?;
    let last = VersionPattern::choose(&patterns, offered.iter().copied()).pop()?.to_owned();
    offered.into_iter().find(|known| *known == last)
}

impl Offer {
    /// This form, with the parameters of a range that lay it out; absent if it has no such layout.
    fn chosen(&self, parameters: &[(String, String)]) -> Option<Chosen> {
        let mut content_type = format!("{SDMX}{};version={}", self.media, self.version);
        let format = match self.format {
            Make::Structure(format) => Format::Structure(format),
            Make::Data(make) => match make() {
                DataFormat::Csv(style) => {
                    let style = styled(style, parameters, &mut content_type)?;
                    Format::Data(DataFormat::Csv(style))
                }
                format => Format::Data(format),
            },
        };
        Some(Chosen { format, content_type, file: None })
    }
}

/// How SDMX-CSV is to be laid out. What differs from the default is said in `Content-Type`.
fn styled(
    mut style: CsvStyle,
    parameters: &[(String, String)],
    content_type: &mut String,
) -> Option<CsvStyle> {
    let is_first = style.version == CsvEdition::V1_0;
    for (name, value) in parameters {
        let value = value.to_ascii_lowercase();
        let is_default = match (name.as_str(), value.as_str()) {
            ("labels", "id") | ("timeformat", "original") => true,
            ("key" | "keys", "none") if !is_first => true,
            ("labels", "both") => {
                style.labels = CsvLabels::Both;
                false
            }
            ("labels", "name") if !is_first => {
                style.labels = CsvLabels::Names;
                false
            }
            ("timeformat", "normalized") => {
                style.has_normalized_time = true;
                false
            }
            ("key" | "keys", "obs" | "series" | "both") if !is_first => {
                style.has_series_key = value != "obs";
                style.has_observation_key = value != "series";
                false
            }
            ("labels" | "timeformat" | "key" | "keys", _) => return None,
            // Such as `charset`.
            _ => true,
        };
        let name = match name.as_str() {
            "timeformat" => "timeFormat",
            "key" => "keys",
            name => name,
        };
        if !is_default {
            for part in [";", name, "=", &value] {
                content_type.push_str(part);
            }
        }
    }
    Some(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_header(kind: Kind, edition: Edition, accept: &str) -> String {
        let accept = (!accept.is_empty()).then_some(accept);
        let chosen = choose(kind, edition, &Preferences::default(), accept);
        let chosen = chosen.map(|chosen| chosen.content_type.replacen(SDMX, "", 1));
        chosen.unwrap_or_else(|_| "406".to_owned())
    }

    fn by_query(kind: Kind, edition: Edition, format: &str, version: Option<&str>) -> String {
        let preferences = Preferences {
            format: Some(format.to_owned()),
            format_version: version.map(str::to_owned),
            ..Preferences::default()
        };
        let chosen = choose(kind, edition, &preferences, Some("application/json"));
        let chosen = chosen.map(|chosen| chosen.content_type.replacen(SDMX, "", 1));
        chosen.unwrap_or_else(|_| "406".to_owned())
    }

    #[test]
    fn headers_choose_data() {
        let v1 = |accept: &str, expected: &str| {
            assert_eq!(by_header(Kind::Data, Edition::V1, accept), expected, "{accept}");
        };
        let v2 = |accept: &str, expected: &str| {
            assert_eq!(by_header(Kind::Data, Edition::V2, accept), expected, "{accept}");
        };
        v1("", "genericdata+xml;version=2.1");
        v1("*/*", "genericdata+xml;version=2.1");
        v1("application/xml", "genericdata+xml;version=2.1");
        v1("text/csv", "data+csv;version=1.0.0");
        v1("application/json", "data+json;version=1.0.0");
        v1("application/vnd.sdmx.data+json;version=1.0.0-wd", "data+json;version=1.0.0-wd");
        v1("application/vnd.sdmx.data+json", "data+json;version=1.0.0");
        v1("application/vnd.sdmx.data+json;version=2.0.0", "data+json;version=2.0.0");
        v1("application/vnd.sdmx.data+csv", "data+csv;version=1.0.0");
        v1(
            "application/vnd.sdmx.data+csv; Version=\"1.0.0\"; labels=BOTH; timeFormat=original",
            "data+csv;version=1.0.0;labels=both",
        );
        v1("application/vnd.sdmx.data+csv;version=1.0.0;labels=name", "406");
        v1("application/vnd.sdmx.structure+xml;version=2.1", "406");
        v1("image/png", "406");
        v1("text/html,application/xhtml+xml", "genericdata+xml;version=2.1");
        v1(
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "genericdata+xml;version=2.1",
        );
        v2("", "data+json;version=2.0.0");
        v2("application/json", "data+json;version=2.0.0");
        v2("application/xml", "data+xml;version=3.0.0");
        v2("text/csv, */*;q=0.1", "data+csv;version=2.0.0");
        v2("*/*, text/csv", "data+csv;version=2.0.0");
        v2("text/csv;q=0.5, application/xml;q=0.6", "data+xml;version=3.0.0");
        v2("application/json;q=0, */*;q=0.5, text/csv;q=0.1", "data+csv;version=2.0.0");
        v2("application/vnd.sdmx.data+json;version=2+.0.0", "data+json;version=2.1.0");
        v2("application/vnd.sdmx.data+json;version=2.0", "data+json;version=2.0.0");
        v2("application/vnd.sdmx.data+json;version=9.0.0", "406");
        v2(
            "application/vnd.sdmx.data+csv;version=2.0.0;key=series",
            "data+csv;version=2.0.0;keys=series",
        );
        v2("application/vnd.sdmx.genericdata+xml;version=2.1", "genericdata+xml;version=2.1");
    }

    #[test]
    fn headers_choose_structures() {
        let check = |edition: Edition, accept: &str, expected: &str| {
            assert_eq!(by_header(Kind::Structure, edition, accept), expected, "{accept}");
        };
        check(Edition::V1, "", "structure+xml;version=2.1");
        check(Edition::V1, "application/xml", "structure+xml;version=2.1");
        check(Edition::V2, "", "structure+json;version=2.0.0");
        check(Edition::V2, "application/xml", "structure+xml;version=3.0.0");
        check(
            Edition::V2,
            "application/vnd.sdmx.structure+xml;version=2.1",
            "structure+xml;version=2.1",
        );
        check(Edition::V2, "text/csv", "406");
    }

    #[test]
    fn queries_go_before_headers() {
        let data = |edition: Edition, format: &str, version: Option<&str>, expected: &str| {
            assert_eq!(by_query(Kind::Data, edition, format, version), expected, "{format}");
        };
        data(Edition::V1, "csvdata", None, "data+csv;version=1.0.0");
        data(Edition::V1, "csvdata", Some("2.0.0"), "data+csv;version=2.0.0");
        data(Edition::V2, "csvdata", None, "data+csv;version=2.0.0");
        data(Edition::V2, "jsondata", None, "data+json;version=2.0.0");
        data(Edition::V2, "structurespecificdata", None, "data+xml;version=3.0.0");
        data(
            Edition::V2,
            "structurespecificdata",
            Some("2.1"),
            "structurespecificdata+xml;version=2.1",
        );
        data(Edition::V1, "SDMX-CSV", None, "data+csv;version=1.0.0");
        data(Edition::V2, "csvfilewithlabels", None, "data+csv;version=2.0.0;labels=both");
        data(
            Edition::V1,
            "application/vnd.sdmx.data+csv;version=1.0.0",
            None,
            "data+csv;version=1.0.0",
        );
        data(Edition::V1, "nonsense", None, "406");
        data(Edition::V1, "structure", None, "406");
        assert_eq!(
            by_query(Kind::Structure, Edition::V2, "jsondata", None),
            "structure+json;version=2.0.0"
        );
    }

    #[test]
    fn errors_come_in_the_form_that_was_asked_for() {
        let check = |edition: Edition, accept: &str, expected: Family| {
            let found = family(edition, &Preferences::default(), Some(accept));
            assert_eq!(found, expected, "{accept}");
        };
        check(Edition::V1, "*/*", Family::Xml);
        check(Edition::V2, "*/*", Family::Json);
        check(Edition::V1, "text/csv", Family::Text);
        check(Edition::V2, "application/vnd.sdmx.structure+xml;version=3.0.0", Family::Xml);
        check(Edition::V2, "text/html,*/*", Family::Text);
        check(Edition::V2, "image/png", Family::Text);
    }
}
