#!/usr/bin/env python3
"""Does sdmxdb answer as DuckDB does, and how much faster?

Loads one SDMX-CSV file (1.0 or 2.0) into both, runs the statements of queries.sql on both,
compares every answer and prints a table in Markdown. DuckDB keeps the cube twice: as a plain user
would have it (VARCHAR) and at its best (ENUM columns), each in a file of its own.

    pip install duckdb
    target/release/examples/generate labour 10000000 --csv labour.csv --structure labour.xml
    benches/differ.py labour.csv labour.xml target/release/sdmxdb --runs 5 > table.md

Without a binary (`-` in its place) only DuckDB runs, which checks the statements themselves.
The exit code is 1 when an answer differs or fails.
"""

import argparse
import csv
import datetime
import io
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

RELATIVE_TOLERANCE = 1e-9
# A sum that cancels out is compared with the size of what was summed, not with itself.
ABSOLUTE_TOLERANCE = 1e-6
FIXED_COLUMNS = {"DATAFLOW", "STRUCTURE", "STRUCTURE_ID", "ACTION"}
PERIOD_START = """CASE
    WHEN time_period IS NULL THEN NULL
    WHEN length(time_period) = 4 THEN make_date(time_period::INT, 1, 1)
    WHEN time_period[6] = 'S' THEN make_date(time_period[1:4]::INT, time_period[7]::INT * 6 - 5, 1)
    WHEN time_period[6] = 'Q' THEN make_date(time_period[1:4]::INT, time_period[7]::INT * 3 - 2, 1)
    WHEN time_period[6] = 'W' THEN strptime(time_period || '-1', '%G-W%V-%u')::DATE
    WHEN length(time_period) = 7 THEN make_date(time_period[1:4]::INT, time_period[6:7]::INT, 1)
    ELSE time_period::DATE END"""
PERIOD_END = """CASE
    WHEN time_period IS NULL THEN NULL
    WHEN length(time_period) = 4 THEN make_date(time_period::INT, 12, 31)
    WHEN time_period[6] = 'S' THEN (period_start + INTERVAL 6 MONTH)::DATE - 1
    WHEN time_period[6] = 'Q' THEN (period_start + INTERVAL 3 MONTH)::DATE - 1
    WHEN time_period[6] = 'W' THEN period_start + 6
    WHEN length(time_period) = 7 THEN (period_start + INTERVAL 1 MONTH)::DATE - 1
    ELSE period_start END"""


class Query:
    """One statement of queries.sql."""

    def __init__(self, name, kind, is_ordered, sql):
        self.name, self.kind, self.is_ordered, self.sql = name, kind, is_ordered, sql


def read_queries(path):
    """The statements of a file, in its order."""
    queries, name, kind, is_ordered, lines = [], None, "other", False, []

    def finish():
        sql = " ".join(lines).strip().rstrip(";")
        if name is not None and sql:
            queries.append(Query(name, kind, is_ordered, sql))

    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if line.startswith("-- name: "):
            finish()
            name, kind, is_ordered, lines = line[9:].strip(), "other", False, []
        elif line.startswith("-- class: "):
            kind = line[10:].strip()
        elif line.strip() == "-- ordered":
            is_ordered = True
        elif not line.startswith("--") and line.strip():
            lines.append(line.strip())
    finish()
    return queries


class Cube:
    """What the file says about itself: its dataflow and its columns."""

    def __init__(self, data, structure):
        with open(data, newline="", encoding="utf-8") as lines:
            reader = csv.reader(lines)
            self.header, first = next(reader), next(reader)
        reference = first[self.header.index("DATAFLOW" if "DATAFLOW" in self.header else "STRUCTURE_ID")]
        agency, flow, version = re.fullmatch(r"([^:]+):([^(]+)(?:\((.*)\))?", reference).groups()
        self.schema, self.table, self.version = agency.lower(), flow.lower(), version
        # As REST names it.
        self.path = f"{agency}/{flow}/{version or '*'}"
        text = Path(structure).read_text(encoding="utf-8")
        found = set(re.findall(r"<(?:\w+:)?Dimension id=\"([^\"]+)\"", text))
        columns = [it for it in self.header if it not in FIXED_COLUMNS]
        self.dimensions = [it for it in columns if it in found]
        self.measures = re.findall(r"<(?:\w+:)?(?:Primary)?Measure id=\"([^\"]+)\"", text)
        self.has_time = "TIME_PERIOD" in columns
        others = [*self.dimensions, "TIME_PERIOD", *self.measures]
        self.attributes = [it for it in columns if it not in others]

    @property
    def name(self):
        """The table as statements name it."""
        return f"{self.schema}.{self.table}"


class DuckDb:
    """A DuckDB file with the cube in it."""

    def __init__(self, path, threads):
        self.path, self.threads = path, threads
        self.connection = self.open()

    def open(self):
        connection = duckdb.connect(str(self.path))
        connection.execute(f"SET threads = {self.threads}")
        return connection

    def settle(self):
        """Writes everything to the file, and opens it again."""
        self.connection.execute("CHECKPOINT")
        self.connection.close()
        self.connection = self.open()

    def load(self, cube, data):
        """Reads the file into a table of texts."""
        columns = [f'"{it}" AS "{it.lower()}"' for it in cube.dimensions]
        columns += ['"TIME_PERIOD" AS time_period'] if cube.has_time else []
        dates = f", {PERIOD_START} AS period_start, {PERIOD_END} AS period_end" if cube.has_time else ""
        for measure in cube.measures:
            # NaN, infinities and texts are no numbers in SQL; see obs_value_text for them.
            number = f'try_cast("{measure}" AS DOUBLE)'
            number = f"CASE WHEN isfinite({number}) THEN {number} END"
            columns += [f'{number} AS "{measure.lower()}"', f'"{measure}" AS "{measure.lower()}_text"']
        columns += [f'"{it}" AS "{it.lower()}"' for it in cube.attributes]
        source = f"read_csv({quote(data)}, header = true, all_varchar = true)"
        self.connection.execute(f'CREATE SCHEMA "{cube.schema}"')
        self.connection.execute(
            f'CREATE TABLE "{cube.schema}"."{cube.table}" AS '
            f"SELECT *{dates} FROM (SELECT {', '.join(columns)} FROM {source})"
        )
        self.settle()

    def load_enums(self, cube, texts_path):
        """Copies the table of another file, with an ENUM for each column of codes."""
        coded = [*cube.dimensions, *cube.attributes] + (["TIME_PERIOD"] if cube.has_time else [])
        coded = [it.lower() for it in coded]
        run = self.connection.execute
        run(f"ATTACH {quote(texts_path)} AS texts (READ_ONLY)")
        run(f'CREATE SCHEMA "{cube.schema}"')
        source, replaced = f'texts."{cube.schema}"."{cube.table}"', []
        for column in coded:
            codes = run(f'SELECT count(DISTINCT "{column}") FROM {source}').fetchone()[0]
            if 0 < codes < 100_000:
                run(
                    f'CREATE TYPE "enum_{column}" AS ENUM (SELECT DISTINCT "{column}" FROM {source} '
                    f'WHERE "{column}" IS NOT NULL ORDER BY 1)'
                )
                replaced.append(f'"{column}"::"enum_{column}" AS "{column}"')
        replace = f"REPLACE ({', '.join(replaced)})" if replaced else ""
        run(f'CREATE TABLE "{cube.schema}"."{cube.table}" AS SELECT * {replace} FROM {source}')
        run("DETACH texts")
        self.settle()

    def load_least(self, cube, enums_path):
        """Copies only what SQL needs: codes, period, numbers, statuses; nothing of the written form."""
        kept = [it.lower() for it in [*cube.dimensions, *cube.measures, *cube.attributes]]
        kept += ["time_period"] if cube.has_time else []
        kept = ", ".join(f'"{it}"' for it in kept)
        self.connection.execute(f"ATTACH {quote(enums_path)} AS enums (READ_ONLY)")
        self.connection.execute(f'CREATE TABLE least AS SELECT {kept} FROM enums."{cube.schema}"."{cube.table}"')
        self.connection.execute("DETACH enums")
        self.settle()

    def answer(self, sql):
        """Column names and rows."""
        cursor = self.connection.execute(sql)
        return [it[0] for it in cursor.description], cursor.fetchall()

    def median_ms(self, sql, runs):
        """Median time of a statement, its rows dropped, after one run to warm up."""
        times = []
        for _ in range(runs + 1):
            started = time.perf_counter()
            run_to_end(self.connection, sql)
            times.append((time.perf_counter() - started) * 1000)
        return statistics.median(times[1:])

    def bytes(self):
        """Size of the file."""
        return os.path.getsize(self.path)


def run_to_end(connection, sql):
    """Runs a statement and drops its rows, as `sdmxdb sql --bench` does."""
    cursor = connection.execute(sql)
    if hasattr(cursor, "complete"):
        cursor.complete()
    else:
        # DuckDB 1 has nothing cheaper that is sure to run to the end.
        cursor.fetchall()


class Sdmxdb:
    """The binary under test, with a database folder."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder

    def run(self, *words):
        """Runs a command; gives its output, or raises with what it said."""
        done = subprocess.run([self.binary, *map(str, words)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError((done.stderr or done.stdout).strip() or f"exit {done.returncode}")
        return done.stdout

    def load(self, *files):
        """Loads files; gives seconds and peak bytes of memory."""
        started = time.perf_counter()
        child = subprocess.Popen(
            [self.binary, "load", str(self.folder), *map(str, files)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise RuntimeError(f"load failed: {said.strip()}")
        return time.perf_counter() - started, peak_bytes(usage)

    def answer(self, sql):
        """Column names and rows, all of them texts."""
        text = self.run("sql", self.folder, "-c", sql, "--format", "csv")
        rows = list(csv.reader(io.StringIO(text)))
        # csv skips a line that is empty: one column, one row, NULL.
        lines = text.splitlines()
        if rows and len(rows[0]) == 1:
            rows = [next(csv.reader([line]), [""]) or [""] for line in lines]
        return rows[0], rows[1:]

    def median_ms(self, sql, runs):
        """Median time of a statement inside one process, after one run to warm up."""
        words = self.run("sql", self.folder, "--bench", runs, "-c", sql).split()
        return float(words[1])

    def bytes(self):
        """Size of all files of the folder."""
        return sum(it.stat().st_size for it in Path(self.folder).rglob("*") if it.is_file())


def peak_bytes(usage):
    """Greatest memory of a child that has ended: Linux counts in KiB, macOS in bytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def in_child(task):
    """Runs a task in a process of its own; gives seconds and peak bytes of memory."""
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        try:
            task()
            os._exit(0)
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        raise RuntimeError("DuckDB could not load the file")
    return time.perf_counter() - started, peak_bytes(usage)


def quote(text):
    """A text as SQL writes it."""
    return "'" + str(text).replace("'", "''") + "'"


def plain(value):
    """A value of DuckDB: a float stays one, everything else becomes the text that CSV shows."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return value
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return str(value)


def same(theirs, ours):
    """True when a text of ours says what a value of theirs is."""
    if not isinstance(theirs, float):
        return theirs == ours
    try:
        number = float(ours)
    except ValueError:
        return False
    if math.isnan(theirs) or math.isnan(number):
        return math.isnan(theirs) and math.isnan(number)
    return math.isclose(theirs, number, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)


def sort_key(row, floats):
    """Texts decide the order before numbers, which are cut to what both engines agree on."""

    def cut(value):
        try:
            return float(f"{float(value):.7g}")
        except ValueError:
            return -math.inf

    texts = [str(value) for index, value in enumerate(row) if index not in floats]
    return texts, [cut(row[index]) for index in sorted(floats)]


def compare(query, theirs, ours):
    """`EQUAL`, or what differs first."""
    (their_names, their_rows), (our_names, our_rows) = theirs, ours
    their_names = [it.lower() for it in their_names]
    our_names = [it.lower() for it in our_names]
    if sorted(their_names) != sorted(our_names):
        return f"DIFFERENT columns {our_names}, expected {their_names}"
    if their_names != our_names:
        # `SELECT *` gives columns in an order of its own.
        order = [our_names.index(it) for it in their_names]
        our_rows = [[row[index] for index in order] for row in our_rows]
    their_rows = [[plain(value) for value in row] for row in their_rows]
    if len(their_rows) != len(our_rows):
        return f"DIFFERENT {len(our_rows)} rows, expected {len(their_rows)}"
    if not query.is_ordered:
        floats = {index for row in their_rows for index, value in enumerate(row) if isinstance(value, float)}
        their_rows = sorted(their_rows, key=lambda row: sort_key(row, floats))
        our_rows = sorted(our_rows, key=lambda row: sort_key(row, floats))
    for index, (their_row, our_row) in enumerate(zip(their_rows, our_rows)):
        if len(their_row) != len(our_row) or not all(map(same, their_row, our_row)):
            return f"DIFFERENT row {index}: {our_row}, expected {their_row}"
    return "EQUAL"


def fill(query, cube, series):
    """A statement with its placeholders filled."""
    return query.sql.replace("{table}", cube.name).replace("{series}", series)


def one_series(cube, database):
    """The key of one long quarterly series (of any series, without FREQ), as a condition."""
    columns = ", ".join(f'"{it.lower()}"' for it in cube.dimensions)
    where = "WHERE freq = 'Q'" if "FREQ" in cube.dimensions else ""
    _, rows = database.answer(
        f"SELECT {columns} FROM {cube.name} {where} GROUP BY {columns} ORDER BY count(*) DESC, {columns} LIMIT 1"
    )
    if not rows:
        return "1 = 0"
    pairs = zip(cube.dimensions, rows[0])
    return " AND ".join(f"{dimension.lower()} = {quote(code)}" for dimension, code in pairs)


def geometric_mean(numbers):
    """Of positive numbers."""
    return math.exp(statistics.fmean(math.log(max(it, 1e-9)) for it in numbers))


def prepare(arguments, folder, out):
    """Loads the file everywhere, and prints what that took."""
    cube = Cube(arguments.data, arguments.structure)
    ours = None
    print(f"Cube `{cube.name}`, {os.path.getsize(arguments.data):,} bytes of CSV, DuckDB {duckdb.__version__}, {arguments.threads} threads.\n", file=out)
    print("| | load s | peak MB | bytes | bytes per observation |\n|---|---:|---:|---:|---:|", file=out)
    text_path, enum_path, threads = folder / "texts.duckdb", folder / "enums.duckdb", arguments.threads
    text_load = in_child(lambda: DuckDb(text_path, threads).load(cube, arguments.data))
    enum_load = in_child(lambda: DuckDb(enum_path, threads).load_enums(cube, text_path))
    least_path = folder / "least.duckdb"
    least_load = in_child(lambda: DuckDb(least_path, threads).load_least(cube, enum_path))
    texts, enums = DuckDb(text_path, threads), DuckDb(enum_path, threads)
    observations = texts.answer(f"SELECT count(*) FROM {cube.name}")[1][0][0]

    def line(name, load, size):
        seconds, peak = load
        print(f"| {name} | {seconds:.2f} | {peak / 1e6:,.0f} | {size:,} | {size / max(observations, 1):.2f} |", file=out)

    if arguments.binary != "-":
        ours = Sdmxdb(arguments.binary, folder / "sdmxdb")
        line("sdmxdb", ours.load(arguments.structure, arguments.data), ours.bytes())
    line("DuckDB VARCHAR", text_load, texts.bytes())
    line("DuckDB ENUM, from VARCHAR", enum_load, enums.bytes())
    line("the same without dates and written values", least_load, os.path.getsize(least_path))
    print(f"\n{observations:,} observations.\n", file=out)
    return cube, ours, texts, enums


def milliseconds(number):
    """A time, or nothing."""
    return "" if number is None else f"{number:.3f}" if number < 10 else f"{number:.1f}"


def run_one(query, sql, ours, texts, enums, runs):
    """Times and answer of one statement: rows, ms of each, verdict."""
    try:
        expected = texts.answer(sql)
        at_best = compare(query, (expected[0], expected[1]), as_texts(enums.answer(sql)))
        text_ms, enum_ms = texts.median_ms(sql, runs), enums.median_ms(sql, runs)
    except duckdb.Error as error:
        return 0, None, None, None, f"DUCKDB FAILED {one_line(error)}"
    if at_best != "EQUAL":
        return len(expected[1]), None, text_ms, enum_ms, f"DUCKDB'S TABLES DIFFER {at_best}"
    if ours is None:
        return len(expected[1]), None, text_ms, enum_ms, ""
    our_ms = None
    try:
        verdict = compare(query, expected, ours.answer(sql))
        our_ms = ours.median_ms(sql, runs)
    except (RuntimeError, IndexError, ValueError) as error:
        verdict = f"FAILED {one_line(error)}"
    return len(expected[1]), our_ms, text_ms, enum_ms, verdict


def as_texts(answer):
    """An answer of DuckDB as the command line of ours would show it."""
    names, rows = answer
    return names, [[repr(it) if isinstance(it, float) else plain(it) for it in row] for row in rows]


def one_line(error):
    """An error in a cell of a table."""
    return " ".join(str(error).split()).replace("|", "\\|")[:300]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="SDMX-CSV 1.0 or 2.0")
    parser.add_argument("structure", help="its structure message, SDMX-ML")
    parser.add_argument("binary", help="the sdmxdb binary, or - to run DuckDB alone")
    parser.add_argument("--queries", default=Path(__file__).with_name("queries.sql"))
    parser.add_argument("--runs", type=int, default=5, help="runs per statement, after one to warm up")
    parser.add_argument("--threads", type=int, default=2, help="threads of DuckDB")
    parser.add_argument("--only", default="", help="names that contain this text")
    parser.add_argument("--folder", help="keep the databases here (default: a temporary folder)")
    arguments = parser.parse_args()
    folder = Path(arguments.folder or tempfile.mkdtemp(prefix="differ-"))
    if arguments.folder:
        # Never delete what somebody else may have put there.
        folder.mkdir(parents=True, exist_ok=False)
    try:
        return report(arguments, folder, sys.stdout)
    finally:
        if not arguments.folder:
            shutil.rmtree(folder)


def report(arguments, folder, out):
    """Prints everything; gives the exit code."""
    cube, ours, texts, enums = prepare(arguments, folder, out)
    series = one_series(cube, texts)
    print("| query | rows | ms sdmxdb | ms DuckDB VARCHAR | ms DuckDB ENUM | best DuckDB / sdmxdb | |", file=out)
    print("|---|---:|---:|---:|---:|---:|---|", file=out)
    ratios, failures = {}, 0
    for query in read_queries(arguments.queries):
        if arguments.only not in query.name:
            continue
        sql = fill(query, cube, series)
        rows, our_ms, text_ms, enum_ms, verdict = run_one(query, sql, ours, texts, enums, arguments.runs)
        failures += verdict not in ("EQUAL", "")
        ratio = None if our_ms is None else min(text_ms, enum_ms) / max(our_ms, 1e-6)
        if ratio is not None:
            ratios.setdefault(query.kind, []).append(ratio)
        shown = "" if ratio is None else f"{ratio:.2f}"
        times = " | ".join(map(milliseconds, (our_ms, text_ms, enum_ms)))
        print(f"| {query.name} | {rows} | {times} | {shown} | {verdict} |", file=out, flush=True)
    if ratios:
        print("\n| class | statements | geometric mean | least |\n|---|---:|---:|---:|", file=out)
        for kind, numbers in sorted(ratios.items()):
            print(f"| {kind} | {len(numbers)} | {geometric_mean(numbers):.2f} | {min(numbers):.2f} |", file=out)
    print(f"\n{failures} answers differ or failed.", file=out)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
