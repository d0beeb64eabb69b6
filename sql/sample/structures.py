"""The structure message of the sample: what the codes mean, in English and French.

`message(currencies)` returns the whole SDMX-ML 2.1 structure message as bytes.  Nothing here
touches a file.  The ECB's artefacts follow the ids, attachment levels and English names of the
ECB's own ECB_EXR1; they hold only the codes the sample can use, and say so (`isPartial`).
"""

from xml.sax.saxutils import escape, quoteattr

M = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message"
S = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/structure"
C = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common"

PREPARED = "2026-11-23T00:00:00"  # fixed, so that a rebuild gives the same bytes

# Currency: English name (the ECB's), French name, and what became of it, in both languages.
CURRENCIES = {
    "AUD": ("Australian dollar", "Dollar australien"),
    "BGN": ("Bulgarian lev", "Lev bulgare", "euro 2026-01-01 1.95583"),
    "BRL": ("Brazilian real", "Réal brésilien"),
    "CAD": ("Canadian dollar", "Dollar canadien"),
    "CHF": ("Swiss franc", "Franc suisse"),
    "CNY": ("Chinese yuan renminbi", "Yuan renminbi chinois"),
    "CYP": ("Cyprus pound", "Livre chypriote", "euro 2008-01-01 0.585274"),
    "CZK": ("Czech koruna", "Couronne tchèque"),
    "DKK": ("Danish krone", "Couronne danoise"),
    "EEK": ("Estonian kroon", "Couronne estonienne", "euro 2011-01-01 15.6466"),
    "EUR": ("Euro", "Euro"),
    "GBP": ("UK pound sterling", "Livre sterling"),
    "HKD": ("Hong Kong dollar", "Dollar de Hong Kong"),
    "HRK": ("Croatian kuna", "Kuna croate", "euro 2023-01-01 7.53450"),
    "HUF": ("Hungarian forint", "Forint hongrois"),
    "IDR": ("Indonesian rupiah", "Roupie indonésienne"),
    "ILS": ("Israeli shekel", "Shekel israélien"),
    "INR": ("Indian rupee", "Roupie indienne"),
    "ISK": ("Iceland krona", "Couronne islandaise"),
    "JPY": ("Japanese yen", "Yen japonais"),
    "KRW": ("Korean won (Republic)", "Won sud-coréen"),
    "LTL": ("Lithuanian litas", "Litas lituanien", "euro 2015-01-01 3.45280"),
    "LVL": ("Latvian lats", "Lats letton", "euro 2014-01-01 0.702804"),
    "MTL": ("Maltese lira", "Lire maltaise", "euro 2008-01-01 0.429300"),
    "MXN": ("Mexican peso", "Peso mexicain"),
    "MYR": ("Malaysian ringgit", "Ringgit malaisien"),
    "NOK": ("Norwegian krone", "Couronne norvégienne"),
    "NZD": ("New Zealand dollar", "Dollar néo-zélandais"),
    "PHP": ("Philippine piso", "Peso philippin"),
    "PLN": ("Polish zloty", "Zloty polonais"),
    "ROL": ("Romanian leu (old)", "Leu roumain (ancien)", "RON 2005-07-01 10000"),
    "RON": ("Romanian leu", "Leu roumain"),
    "RUB": ("Russian rouble", "Rouble russe"),
    "SEK": ("Swedish krona", "Couronne suédoise"),
    "SGD": ("Singapore dollar", "Dollar de Singapour"),
    "SIT": ("Slovenian tolar", "Tolar slovène", "euro 2007-01-01 239.640"),
    "SKK": ("Slovak koruna", "Couronne slovaque", "euro 2009-01-01 30.1260"),
    "THB": ("Thai baht", "Baht thaïlandais"),
    "TRL": ("Turkish lira (old)", "Livre turque (ancienne)", "TRY 2005-01-01 1000000"),
    "TRY": ("Turkish lira", "Livre turque"),
    "USD": ("US dollar", "Dollar des États-Unis"),
    "ZAR": ("South African rand", "Rand sud-africain"),
}

# The regions of Belgium: code -> (name in the source file, English, French, ISO 3166-2).
REGIONS = {
    "BE1": ("BruCap", "Brussels-Capital Region", "Région de Bruxelles-Capitale", "BE-BRU"),
    "BE2": ("Fla", "Flemish Region", "Région flamande", "BE-VLG"),
    "BE3": ("Wal", "Walloon Region", "Région wallonne", "BE-WAL"),
}
OLDEST = 120
BROAD = {"Y0T14": (0, 14), "Y15T64": (15, 64), "Y_GE65": (65, OLDEST)}
FIVE = {f"Y{a}T{a + 4}": (a, a + 4) for a in range(0, 85, 5)} | {"Y_GE85": (85, OLDEST)}

FREQ = [
    ("A", "Annual", "Annuelle"),
    ("H", "Half-yearly", "Semestrielle"),
    ("Q", "Quarterly", "Trimestrielle"),
    ("M", "Monthly", "Mensuelle"),
    ("W", "Weekly", "Hebdomadaire"),
    ("B", "Business", "Jours ouvrables"),
    ("D", "Daily", "Quotidienne"),
]
EXR_TYPE = [
    ("SP00", "Spot", "Au comptant"),
    ("RR00", "Reference rate", "Taux de référence"),
    ("CR00", "Central rate", "Taux pivot"),
    ("EN00", "Nominal effective exch. rate", "Taux de change effectif nominal"),
]
EXR_SUFFIX = [
    ("A", "Average", "Moyenne"),
    ("E", "End-of-period", "Fin de période"),
    ("P", "Growth rate to previous period", "Taux de croissance sur la période précédente"),
    ("R", "Annual rate of change", "Taux de variation annuel"),
]
OBS_STATUS = [
    ("A", "Normal value", "Valeur normale"),
    ("B", "Time series break", "Rupture de série"),
    ("D", "Definition differs", "Définition différente"),
    ("E", "Estimated value", "Valeur estimée"),
    ("F", "Forecast value", "Valeur prévue"),
    ("H", "Missing value; holiday or weekend", "Valeur manquante ; jour férié ou fin de semaine"),
    ("L", "Missing value; data exist but were not collected",
     "Valeur manquante ; donnée existante mais non collectée"),
    ("M", "Missing value; data cannot exist", "Valeur manquante ; donnée sans objet"),
    ("P", "Provisional value", "Valeur provisoire"),
    ("Q", "Missing value; suppressed", "Valeur manquante ; supprimée"),
    ("U", "Low reliability", "Fiabilité faible"),
]
OBS_CONF = [
    ("C", "Confidential statistical information", "Information statistique confidentielle"),
    ("F", "Free", "Libre"),
    ("N", "Not for publication, restricted for internal use only",
     "Non publiable, réservé à l'usage interne"),
]
COLLECTION = [
    ("A", "Average of observations through period", "Moyenne des observations de la période"),
    ("B", "Beginning of period", "Début de période"),
    ("E", "End of period", "Fin de période"),
    ("H", "Highest in period", "Maximum de la période"),
    ("L", "Lowest in period", "Minimum de la période"),
    ("M", "Middle of period", "Milieu de période"),
    ("S", "Summed through period", "Somme sur la période"),
]
DECIMALS = [
    ("0", "Zero", "Zéro"), ("1", "One", "Un"), ("2", "Two", "Deux"), ("3", "Three", "Trois"),
    ("4", "Four", "Quatre"), ("5", "Five", "Cinq"), ("6", "Six", "Six"),
]
UNIT_MULT = [
    ("0", "Units", "Unités"), ("3", "Thousands", "Milliers"), ("6", "Millions", "Millions"),
    ("9", "Billions", "Milliards"),
]
SEX = [("_T", "Total", "Total", ""), ("F", "Female", "Femmes", "_T"), ("M", "Male", "Hommes", "_T")]
CITIZENSHIP = [
    ("_T", "Total", "Total", ""),
    ("BE", "Belgian citizens", "Citoyens belges", "_T"),
    ("FO", "Foreign citizens", "Citoyens étrangers", "_T"),
]
UNIT_MEASURE = [("PS", "Persons", "Personnes")]

CONCEPTS_ECB = [
    ("FREQ", "Frequency", "Fréquence"),
    ("CURRENCY", "Currency", "Monnaie"),
    ("CURRENCY_DENOM", "Currency denominator", "Monnaie de dénomination"),
    ("EXR_TYPE", "Exchange rate type", "Type de taux de change"),
    ("EXR_SUFFIX", "Series variation - EXR context", "Variante de la série (taux de change)"),
    ("TIME_PERIOD", "Time period or range", "Période"),
    ("OBS_VALUE", "Observation value", "Valeur de l'observation"),
    ("TIME_FORMAT", "Time format code", "Format de la période"),
    ("COLLECTION", "Collection indicator", "Mode de collecte"),
    ("OBS_STATUS", "Observation status", "Statut de l'observation"),
    ("OBS_CONF", "Observation confidentiality", "Confidentialité de l'observation"),
    ("UNIT", "Unit", "Unité"),
    ("UNIT_MULT", "Unit multiplier", "Multiplicateur de l'unité"),
    ("DECIMALS", "Decimals", "Décimales"),
    ("TITLE", "Title", "Titre"),
    ("TITLE_COMPL", "Title complement", "Complément du titre"),
]
CONCEPTS_DEMO = [
    ("OBS_COUNT", "Number of daily rates averaged", "Nombre de taux quotidiens dans la moyenne"),
    ("METHOD", "Method of compilation", "Méthode de calcul"),
    ("REF_AREA", "Reference area", "Zone de référence"),
    ("REF_AREA_ISO", "ISO 3166-2 code of the area", "Code ISO 3166-2 de la zone"),
    ("SEX", "Sex", "Sexe"),
    ("AGE", "Age", "Âge"),
    ("CITIZENSHIP", "Citizenship", "Nationalité"),
    ("UNIT_MEASURE", "Unit of measure", "Unité de mesure"),
    ("SOURCE", "Source", "Source"),
]

METHOD = "Mean of the ECB daily rates of the period; exact, then rounded half to even, 6 decimals"
SOURCE = "Statbel (Statistics Belgium), population register; via LArray 0.35.2"


def text(tag, en, fr, pad):
    """One element per language."""
    return "".join(
        f'{pad}<{tag} xml:lang="{lang}">{escape(t)}</{tag}>\n' for lang, t in (("en", en), ("fr", fr))
    )


def notes(items, pad):
    """Annotations: `(type, english, french)` each."""
    if not items:
        return ""
    out = f"{pad}<com:Annotations>\n"
    for kind, en, fr in items:
        out += f"{pad}  <com:Annotation>\n{pad}    <com:AnnotationType>{kind}</com:AnnotationType>\n"
        out += text("com:AnnotationText", en, fr, pad + "    ") + f"{pad}  </com:Annotation>\n"
    return out + f"{pad}</com:Annotations>\n"


def ref(kind, agency, ident, parent=None):
    """A complete reference; `parent` is the maintainable artefact of an item."""
    package = {"Concept": "conceptscheme", "Codelist": "codelist", "Code": "codelist"}.get(
        kind, "datastructure")
    if parent:
        return (f'<Ref id={quoteattr(ident)} maintainableParentID="{parent}" '
                f'maintainableParentVersion="1.0" agencyID="{agency}" package="{package}" '
                f'class="{kind}"/>')
    return f'<Ref id="{ident}" version="1.0" agencyID="{agency}" package="{package}" class="{kind}"/>'


def scheme(tag, item, agency, ident, name, items, partial=False, about=None):
    """A codelist or concept scheme; an item is (id, en, fr[, parent[, annotations]])."""
    extra = ' isPartial="true"' if partial else ""
    out = f'      <str:{tag} id="{ident}" agencyID="{agency}" version="1.0"{extra}>\n'
    out += text("com:Name", *name, "        ")
    if about:
        out += text("com:Description", *about, "        ")
    for row in items:
        code, en, fr = row[:3]
        parent = row[3] if len(row) > 3 else ""
        out += f"        <str:{item} id={quoteattr(code)}>\n"
        out += notes(row[4] if len(row) > 4 else [], "          ")
        out += text("com:Name", en, fr, "          ")
        if parent:
            out += f'          <str:Parent><Ref id="{parent}"/></str:Parent>\n'
        out += f"        </str:{item}>\n"
    return out + f"      </str:{tag}>\n"


def currency_items(wanted):
    """The currencies as codes; one that ended says what replaced it, when, and at what rate."""
    rows = []
    for code in sorted(set(wanted) | {"EUR"}):
        en, fr, *ended = CURRENCIES[code]
        note = []
        if ended:
            to, day, rate = ended[0].split(" ")
            new = ("the euro", "l'euro") if to == "euro" else (to, to)
            per = "EUR" if to == "euro" else to
            note = [("SUCCESSOR", f"Replaced by {new[0]} on {day}; {per} 1 = {code} {rate}",
                     f"Remplacée par {new[1]} le {day} ; 1 {per} = {rate} {code}")]
        rows.append((code, en, fr, "", note))
    return rows


def age_items():
    """Total, broad groups under it, single years under those; then five-year groups."""
    span = lambda a, b: (f"{a} to {b} years", f"De {a} à {b} ans")
    over = lambda a: (f"{a} years and over", f"{a} ans et plus")
    named = lambda a, b: over(a) if b == OLDEST else span(a, b)
    rows = [("_T", "All ages", "Tous âges", "")]
    for code, (a, b) in BROAD.items():
        rows.append((code, *named(a, b), "_T"))
        for y in range(a, b + 1):
            en = "Under 1 year" if y == 0 else f"{y} year" + "s" * (y > 1)
            fr = "Moins d'un an" if y == 0 else f"{y} an" + "s" * (y > 1)
            rows.append((f"Y{y}", en, fr, code))
    return rows + [(code, *named(a, b), "") for code, (a, b) in FIVE.items()]


def component(tag, ident, scheme_of, codes=None, fmt=None, position=None, status=None, relation=None):
    """One dimension, measure or attribute."""
    out = f'          <str:{tag} id="{ident}"'
    out += f' assignmentStatus="{status}"' if status else ""
    out += f' position="{position}"' if position else ""
    out += ">\n            <str:ConceptIdentity>"
    out += ref("Concept", scheme_of, ident, f"{scheme_of}_CONCEPTS") + "</str:ConceptIdentity>\n"
    if codes:
        enum = f"<str:Enumeration>{ref('Codelist', *codes)}</str:Enumeration>"
        out += f"            <str:LocalRepresentation>{enum}</str:LocalRepresentation>\n"
    elif fmt:
        out += f"            <str:LocalRepresentation><str:TextFormat {fmt}/></str:LocalRepresentation>\n"
    if relation:
        out += f"            <str:AttributeRelationship>{relation}</str:AttributeRelationship>\n"
    return out + f"          </str:{tag}>\n"


def on(*dims):
    """Attached to these dimensions."""
    return "".join(f'<str:Dimension><Ref id="{d}"/></str:Dimension>' for d in dims)


ON_OBS = '<str:PrimaryMeasure><Ref id="OBS_VALUE"/></str:PrimaryMeasure>'
ON_GROUP = '<str:Group><Ref id="Group"/></str:Group>'
ON_FLOW = "<str:None/>"


def structure(agency, ident, name, dims, group, attributes, fmt):
    """A data structure; `dims` are (id, agency of its concept, codelist), `fmt` the measure's."""
    out = f'      <str:DataStructure id="{ident}" agencyID="{agency}" version="1.0">\n'
    out += text("com:Name", *name, "        ")
    out += '        <str:DataStructureComponents>\n        <str:DimensionList id="DimensionDescriptor">\n'
    for i, (d, owner, codes) in enumerate(dims, 1):
        out += component("Dimension", d, owner, codes=codes, position=i)
    out += component("TimeDimension", "TIME_PERIOD", "ECB", position=len(dims) + 1,
                     fmt='textType="ObservationalTimePeriod"')
    out += "        </str:DimensionList>\n"
    if group:
        out += '        <str:Group id="Group">\n'
        for d in group:
            out += ('          <str:GroupDimension><str:DimensionReference>'
                    f'<Ref id="{d}"/></str:DimensionReference></str:GroupDimension>\n')
        out += "        </str:Group>\n"
    out += '        <str:AttributeList id="AttributeDescriptor">\n' + "".join(attributes)
    out += "        </str:AttributeList>\n"
    out += '        <str:MeasureList id="MeasureDescriptor">\n'
    out += component("PrimaryMeasure", "OBS_VALUE", "ECB", fmt=fmt)
    out += "        </str:MeasureList>\n        </str:DataStructureComponents>\n"
    return out + "      </str:DataStructure>\n"


def attribute(ident, owner, relation, codes=None, length=None, fmt=None, mandatory=True):
    fmt = fmt or (f'textType="String" maxLength="{length}"' if length else None)
    return component("Attribute", ident, owner, codes=codes, fmt=fmt, relation=relation,
                     status="Mandatory" if mandatory else "Conditional")


def dataflow(agency, ident, dsd, name, about, annotations):
    return (f'      <str:Dataflow id="{ident}" agencyID="{agency}" version="1.0">\n'
            + notes(annotations, "        ") + text("com:Name", *name, "        ")
            + text("com:Description", *about, "        ")
            + f"        <str:Structure>{ref('DataStructure', agency, dsd)}</str:Structure>\n"
            + "      </str:Dataflow>\n")


def hierarchy_of_ages():
    """Five-year groups as a second hierarchy over the codes of CL_AGE."""
    def node(code, inner, pad):
        body = f"{pad}  <str:Code>{ref('Code', 'DEMO', code, 'CL_AGE')}</str:Code>\n" + inner
        return f'{pad}<str:HierarchicalCode id="{code}">\n{body}{pad}</str:HierarchicalCode>\n'

    groups = ""
    for code, (a, b) in FIVE.items():
        years = "".join(node(f"Y{y}", "", "              ") for y in range(a, b + 1))
        groups += node(code, years, "            ")
    return ('      <str:HierarchicalCodelist id="HCL_AGE" agencyID="DEMO" version="1.0">\n'
            + text("com:Name", "Hierarchies of ages", "Hiérarchies des âges", "        ")
            + '        <str:Hierarchy id="FIVE_YEARS" leveled="false">\n'
            + text("com:Name", "Five-year age groups", "Groupes d'âges quinquennaux", "          ")
            + node("_T", groups, "          ")
            + "        </str:Hierarchy>\n      </str:HierarchicalCodelist>\n")


def exchange_attributes(extra):
    cl = lambda name: ("ECB", name)
    series = on("FREQ", "CURRENCY", "CURRENCY_DENOM", "EXR_TYPE", "EXR_SUFFIX")
    return [
        attribute("TIME_FORMAT", "ECB", series, fmt='textType="String" minLength="3" maxLength="3"'),
        attribute("OBS_STATUS", "ECB", ON_OBS, cl("CL_OBS_STATUS")),
        attribute("OBS_CONF", "ECB", ON_OBS, cl("CL_OBS_CONF"), mandatory=False),
        attribute("COLLECTION", "ECB", series, cl("CL_COLLECTION")),
        attribute("DECIMALS", "ECB", ON_GROUP, cl("CL_DECIMALS")),
        attribute("TITLE", "ECB", ON_GROUP, length=200, mandatory=False),
        attribute("TITLE_COMPL", "ECB", ON_GROUP, length=1050),
        attribute("UNIT", "ECB", ON_GROUP, cl("CL_UNIT")),
        attribute("UNIT_MULT", "ECB", ON_GROUP, cl("CL_UNIT_MULT")),
    ] + extra


def message(currencies):
    """The whole structure message, for these currencies, as UTF-8."""
    money = currency_items(currencies)
    plain = [row[:3] for row in money]
    ecb = lambda ident, en, fr, items: scheme(
        "Codelist", "Code", "ECB", ident, (en, fr), items, partial=True)
    demo = lambda ident, en, fr, items: scheme("Codelist", "Code", "DEMO", ident, (en, fr), items)
    area = [("BE", "Belgium", "Belgique", "")] + [
        (code, en, fr, "BE") for code, (_, en, fr, _) in REGIONS.items()]
    exr_dims = [(d, "ECB", ("ECB", "CL_CURRENCY" if d == "CURRENCY_DENOM" else f"CL_{d}"))
                for d in ("FREQ", "CURRENCY", "CURRENCY_DENOM", "EXR_TYPE", "EXR_SUFFIX")]
    group = [d[0] for d in exr_dims[1:]]
    pop_dims = [("FREQ", "ECB", ("ECB", "CL_FREQ"))] + [
        (d, "DEMO", ("DEMO", "CL_" + {"REF_AREA": "AREA"}.get(d, d)))
        for d in ("REF_AREA", "SEX", "AGE", "CITIZENSHIP")]
    pop_series = on(*(d[0] for d in pop_dims))
    flows = dataflow(
        "ECB", "EXR", "ECB_EXR1", ("Exchange Rates", "Taux de change"),
        ("Euro foreign exchange reference rates of the European Central Bank, daily since 4 January "
         "1999: units of the currency for one euro. Days without a rate are absent.",
         "Taux de change de référence de l'euro publiés par la Banque centrale européenne, chaque "
         "jour depuis le 4 janvier 1999 : unités de la monnaie pour un euro. Les jours sans taux "
         "sont absents."),
        [("SOURCE", "European Central Bank, eurofxref-hist; values unmodified",
          "Banque centrale européenne, eurofxref-hist ; valeurs inchangées")])
    flows += dataflow(
        "DEMO", "EXR_AVG", "EXR_AVG",
        ("Averages of the euro reference rates, monthly and annual",
         "Moyennes mensuelles et annuelles des taux de référence de l'euro"),
        ("Computed for this sample from the daily rates in ECB:EXR; not a publication of the ECB. "
         "Arithmetic mean of the rates of the days in the period on which there is one, computed "
         "exactly and rounded half to even to six decimals. Status D: the currency has a rate on "
         "fewer days than others in the period; P: the period had not ended.",
         "Calculées pour cet échantillon à partir des taux quotidiens de ECB:EXR ; ce n'est pas une "
         "publication de la BCE. Moyenne arithmétique des taux des jours cotés de la période, "
         "calculée exactement puis arrondie au pair le plus proche à six décimales. Statut D : la "
         "monnaie est cotée moins de jours que d'autres ; P : la période n'est pas achevée."),
        [("METHOD", METHOD, "Moyenne des taux quotidiens de la BCE ; exacte, puis arrondie au pair "
          "le plus proche, 6 décimales"),
         ("SOURCE", "Computed from the ECB's euro foreign exchange reference rates",
          "Calcul à partir des taux de change de référence de l'euro de la BCE")])
    flows += dataflow(
        "DEMO", "POP_BE", "POP_BE",
        ("Population of Belgium on 1 January by region, sex, age and citizenship (Statbel)",
         "Population de la Belgique au 1er janvier par région, sexe, âge et nationalité (Statbel)"),
        ("Inhabitants on 1 January, 1991 to 2016, by region, sex, single year of age and Belgian or "
         "foreign citizenship. Figures of Statbel, the Belgian statistical office, unmodified, as "
         "carried by the demography example of the Python package LArray.",
         "Habitants au 1er janvier, de 1991 à 2016, par région, sexe, année d'âge et nationalité "
         "belge ou étrangère. Chiffres de Statbel, l'office belge de statistique, inchangés, tels "
         "que les porte l'exemple démographique du module Python LArray."),
        [("SOURCE", SOURCE, "Statbel (office belge de statistique), registre de la population ; "
          "par LArray 0.35.2")])
    part = ("Only the codes this sample uses; the whole list is the ECB's.",
            "Seulement les codes utiles à cet échantillon ; la liste entière est celle de la BCE.")
    body = "    <str:OrganisationSchemes>\n"
    body += ('      <str:AgencyScheme id="AGENCIES" agencyID="SDMX" version="1.0" isPartial="true">\n'
             + text("com:Name", "SDMX Agency Scheme", "Liste des agences SDMX", "        "))
    for ident, en, fr in (
            ("ECB", "European Central Bank", "Banque centrale européenne"),
            ("DEMO", "Sample data of the database", "Données d'exemple de la base")):
        body += f'        <str:Agency id="{ident}">\n' + text("com:Name", en, fr, "          ")
        body += "        </str:Agency>\n"
    body += "      </str:AgencyScheme>\n    </str:OrganisationSchemes>\n"
    body += f"    <str:Dataflows>\n{flows}    </str:Dataflows>\n    <str:Codelists>\n"
    body += scheme("Codelist", "Code", "ECB", "CL_CURRENCY",
                   ("Currency code list", "Liste des monnaies"), money, partial=True, about=part)
    body += ecb("CL_COLLECTION", "Collection indicator code list", "Modes de collecte", COLLECTION)
    body += ecb("CL_DECIMALS", "Decimals code list", "Nombres de décimales", DECIMALS)
    body += ecb("CL_EXR_SUFFIX", "Exch. rate series variation code list",
                "Variantes des séries de taux de change", EXR_SUFFIX)
    body += ecb("CL_EXR_TYPE", "Exchange rate type code list", "Types de taux de change", EXR_TYPE)
    body += ecb("CL_FREQ", "Frequency code list", "Liste des fréquences", FREQ)
    body += ecb("CL_OBS_CONF", "Observation confidentiality code list",
                "Confidentialité des observations", OBS_CONF)
    body += ecb("CL_OBS_STATUS", "Observation status code list", "Statuts des observations", OBS_STATUS)
    body += ecb("CL_UNIT", "Unit code list", "Liste des unités", plain)
    body += ecb("CL_UNIT_MULT", "Unit multiplier code list", "Multiplicateurs des unités", UNIT_MULT)
    body += demo("CL_AGE", "Ages", "Âges", age_items())
    body += demo("CL_AREA", "Belgium and its regions", "La Belgique et ses régions", area)
    body += demo("CL_CITIZENSHIP", "Citizenship", "Nationalité", CITIZENSHIP)
    body += demo("CL_SEX", "Sex", "Sexe", SEX)
    body += demo("CL_UNIT_MEASURE", "Units of measure", "Unités de mesure", UNIT_MEASURE)
    body += "    </str:Codelists>\n    <str:HierarchicalCodelists>\n" + hierarchy_of_ages()
    body += "    </str:HierarchicalCodelists>\n    <str:Concepts>\n"
    body += scheme("ConceptScheme", "Concept", "ECB", "ECB_CONCEPTS",
                   ("ECB concepts", "Concepts de la BCE"), CONCEPTS_ECB, partial=True)
    body += scheme("ConceptScheme", "Concept", "DEMO", "DEMO_CONCEPTS",
                   ("Concepts of the sample", "Concepts de l'échantillon"), CONCEPTS_DEMO)
    body += "    </str:Concepts>\n    <str:DataStructures>\n"
    body += structure("ECB", "ECB_EXR1", ("Exchange Rates", "Taux de change"), exr_dims, group,
                      exchange_attributes([]), 'textType="Decimal"')
    body += structure(
        "DEMO", "EXR_AVG", ("Averages of exchange rates", "Moyennes de taux de change"), exr_dims,
        group, exchange_attributes([
            attribute("OBS_COUNT", "DEMO", ON_OBS, fmt='textType="Integer" minValue="1"'),
            attribute("METHOD", "DEMO", ON_FLOW, length=200, mandatory=False),
        ]), 'textType="Decimal" decimals="6"')
    body += structure(
        "DEMO", "POP_BE", ("Population of Belgium", "Population de la Belgique"), pop_dims, None, [
            attribute("UNIT_MEASURE", "DEMO", pop_series, ("DEMO", "CL_UNIT_MEASURE")),
            attribute("UNIT_MULT", "ECB", pop_series, ("ECB", "CL_UNIT_MULT")),
            attribute("DECIMALS", "ECB", pop_series, ("ECB", "CL_DECIMALS")),
            attribute("REF_AREA_ISO", "DEMO", on("REF_AREA"), length=6, mandatory=False),
            attribute("OBS_STATUS", "ECB", ON_OBS, ("ECB", "CL_OBS_STATUS")),
            attribute("SOURCE", "DEMO", ON_FLOW, length=200, mandatory=False),
        ], 'textType="Integer" minValue="0"')
    body += "    </str:DataStructures>\n"
    head = (f'<?xml version="1.0" encoding="UTF-8"?>\n<mes:Structure xmlns:mes="{M}" '
            f'xmlns:str="{S}" xmlns:com="{C}">\n  <mes:Header>\n    <mes:ID>SAMPLE</mes:ID>\n'
            f"    <mes:Test>false</mes:Test>\n    <mes:Prepared>{PREPARED}</mes:Prepared>\n"
            '    <mes:Sender id="DEMO"/>\n  </mes:Header>\n  <mes:Structures>\n')
    return (head + body + "  </mes:Structures>\n</mes:Structure>\n").encode("utf-8")
