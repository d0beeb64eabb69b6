#!/usr/bin/env python3
"""How fast is sdmxdb beside DuckDB, ClickHouse, DataFusion and PostgreSQL?

Loads one SDMX-CSV file into every engine that is installed, runs the statements of shapes.sql on
all of them, compares every answer with DuckDB's, and prints tables in Markdown: load, size and
memory; every statement hot and, with --cold, with the files dropped from the page cache; geometric
means by class; what REST takes. Ours is asked over its Postgres socket by a client, the round trip
included; the peers inside a process each, which drops their rows.

    python3 -m venv venv && venv/bin/pip install duckdb chdb datafusion pyarrow 'psycopg[binary]'
    target/release/examples/generate labour 10000000 --csv labour.csv --structure labour.xml
    venv/bin/python benches/peers.py labour.csv labour.xml target/release/sdmxdb --cold > table.md

An engine whose package is missing is left out; --peers says which are wanted. A folder that is
kept (--folder) is loaded only once, so that a run can be repeated. The exit code is 1 when an
answer differs or fails.
"""

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from differ import Cube
from peers import answers, statements
from peers.duck import DuckEnums, DuckTexts
from peers.fusion import DataFusion
from peers.house import ClickHouse
from peers.ours import Ours
from peers.peer import forget, quote
from peers.postgres import PostgreSql
from peers.report import both, classes, milliseconds, percentile, table
from peers.worker import Worker

PEERS = {
    "texts": DuckTexts,
    "enums": DuckEnums,
    "clickhouse": ClickHouse,
    "datafusion": DataFusion,
    "postgres": PostgreSql,
}
# Rows from which what the driver does with them is told apart.
MANY_ROWS = 10_000
# Runs of a statement that is asked with nothing in memory.
COLD_RUNS = 3


class Side:
    """One engine with its folder: what it takes, and what it answers."""

    def __init__(self, kind, folder, cube, threads):
        self.name, self.folder, self.arguments = kind.name, folder, (kind, folder, cube, threads)
        self.worker = None

    def load(self, data):
        """Loads in a process of its own; seconds, peak and size."""
        worker = Worker(*self.arguments)
        try:
            seconds, peak = worker.call("load", str(data))
            return {"seconds": seconds, "peak": peak, "bytes": worker.call("bytes")}
        finally:
            worker.stop()

    def open(self):
        """Starts a process and opens the files in it."""
        self.worker = Worker(*self.arguments)
        self.worker.call("open")

    def close(self):
        """Ends it."""
        if self.worker:
            try:
                self.worker.call("close")
            except RuntimeError:
                pass
            self.worker.stop()
            self.worker = None

    def times(self, sql, runs, seconds):
        """Milliseconds of each run."""
        return self.worker.call("times", sql, runs, seconds)

    def answer(self, sql):
        """Column names and rows."""
        return self.worker.call("answer", sql)

    def export_times(self, _table, runs):
        """Milliseconds of each export of the whole cube."""
        return self.worker.call("export_times", runs)

    def peak(self):
        """Peak bytes of memory until now."""
        return self.worker.call("peak")


class OurSide(Ours):
    """The same for ours."""

    def load_all(self, structure, data):
        """Loads; seconds, peak and size."""
        seconds, peak = self.load(structure, data)
        return {"seconds": seconds, "peak": peak, "bytes": self.bytes()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="SDMX-CSV 1.0 or 2.0")
    parser.add_argument("structure", help="its structure message, SDMX-ML")
    parser.add_argument("binary", help="the sdmxdb binary")
    parser.add_argument("--peers", default="texts,enums,clickhouse,datafusion", help=f"which of {','.join(PEERS)}")
    parser.add_argument("--statements", default=Path(__file__).with_name("shapes.sql"))
    parser.add_argument("--only", default="", help="names that contain one of these texts, by commas")
    parser.add_argument("--runs", type=int, default=200, help="runs of a statement at most")
    parser.add_argument("--seconds", type=float, default=1.0, help="time for the runs of a statement, three at least")
    parser.add_argument("--threads", type=int, default=2, help="threads of each peer")
    parser.add_argument("--cold", action="store_true", help="also with nothing in the page cache")
    parser.add_argument("--folder", help="keep the databases here, and use what is there (default: a temporary folder)")
    parser.add_argument("--json", help="write every time to this file")
    arguments = parser.parse_args()
    folder = Path(arguments.folder or tempfile.mkdtemp(prefix="peers-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return Run(arguments, folder, sys.stdout).all()
    finally:
        if not arguments.folder:
            shutil.rmtree(folder, ignore_errors=True)


class Run:
    """One comparison."""

    def __init__(self, arguments, folder, out):
        self.arguments, self.folder, self.out = arguments, folder, out
        self.cube = Cube(arguments.data, arguments.structure)
        wanted = [it for it in arguments.peers.split(",") if it]
        missing = [it for it in wanted if importlib.util.find_spec(PEERS[it].package) is None]
        for it in missing:
            print(f"{PEERS[it].name} is left out: there is no package {PEERS[it].package}", file=sys.stderr)
        kinds = [(it, PEERS[it]) for it in wanted if it not in missing]
        self.peers = [Side(kind, folder / it, self.cube, arguments.threads) for it, kind in kinds]
        self.ours = OurSide(arguments.binary, folder / "sdmxdb", arguments.threads)
        self.sides, self.failures, self.times = [self.ours, *self.peers], 0, {}

    def all(self):
        """Everything; gives the exit code."""
        self.say(f"{os.path.getsize(self.arguments.data):,} bytes of CSV, {self.arguments.threads} threads.\n")
        self.load()
        self.ours.open()
        for peer in self.peers:
            peer.open()
        # One engine of those installed says what is right.
        self.witness = self.peers[0] if self.peers else self.ours
        self.series = self.one_series()
        self.hot()
        self.rest()
        self.memory()
        for side in self.sides:
            side.close()
        self.openings()
        if self.arguments.cold:
            self.cold()
        if self.arguments.json:
            Path(self.arguments.json).write_text(json.dumps(self.times))
        self.say(f"\n{self.failures} answers differ or failed.")
        return 1 if self.failures else 0

    def say(self, text):
        """A line."""
        print(text, file=self.out, flush=True)

    def load(self):
        """Loads where that has not been done, and prints what it took."""
        rows, kept = [], self.folder / "loads.json"
        known = json.loads(kept.read_text()) if kept.exists() else {}
        for side in self.sides:
            if side.name not in known:
                shutil.rmtree(side.folder, ignore_errors=True)
                if side is self.ours:
                    known[side.name] = side.load_all(self.arguments.structure, self.arguments.data)
                else:
                    known[side.name] = self.load_peer(side)
                kept.write_text(json.dumps(known))
        self.peers = [peer for peer in self.peers if known[peer.name]]
        self.sides = [self.ours, *self.peers]
        with open(self.arguments.data, "rb") as data:
            count = sum(block.count(b"\n") for block in iter(lambda: data.read(1 << 22), b"")) - 1
        for side in self.sides:
            it = known[side.name]
            speed = f"{count / it['seconds'] / 1e6:.2f}"
            rows.append([side.name, f"{it['seconds']:.2f}", speed, f"{it['peak'] / 1e6:,.0f}", f"{it['bytes']:,}", f"{it['bytes'] / max(count, 1):.2f}"])
        table(self.out, ["", "load s", "million a second", "peak MB", "bytes", "bytes an observation"], rows)
        self.say(f"\n{count:,} observations.\n")

    def load_peer(self, side):
        """What loading took; nothing where the peer cannot, which is then left out."""
        try:
            return side.load(self.arguments.data)
        except RuntimeError as error:
            print(f"{side.name} is left out: {one_line(error)}", file=sys.stderr)
            return None

    def one_series(self):
        """The key of one long series, quarterly where there is one, as a condition."""
        columns = ", ".join(it.lower() for it in self.cube.dimensions)
        for where in (["WHERE freq = 'Q'"] if "FREQ" in self.cube.dimensions else []) + [""]:
            _, rows = self.witness.answer(
                f"SELECT {columns}, count(*) AS n FROM {self.cube.name} {where} GROUP BY {columns} ORDER BY n DESC, {columns} LIMIT 1"
            )
            if rows:
                break
        pairs = zip(self.cube.dimensions, rows[0])
        return " AND ".join(f"{dimension.lower()} = {quote(code)}" for dimension, code in pairs)

    def first_statement(self):
        """What a server is asked first."""
        return f"SELECT time_period, obs_value FROM {self.cube.name} WHERE {self.series}"

    def wanted(self):
        """The statements that run."""
        only = [it for it in self.arguments.only.split(",") if it]
        return [it for it in statements.read(self.arguments.statements) if not only or any(part in it.name for part in only)]

    def hot(self):
        """Every statement, answers compared and times taken."""
        rows, ratios, dropped = [], [], []
        for it in self.wanted():
            sql = {side.name: it.of(side.name, self.cube.name, self.series) for side in self.sides}
            count, verdicts = self.compared(it, sql)
            times = {}
            for side in self.sides:
                if side.name not in verdicts:
                    side.times(sql[side.name], 1, 0)
                    times[side.name] = side.times(sql[side.name], self.arguments.runs, self.arguments.seconds)
            self.times[it.name] = times
            rows.append(self.row(it, count, times, verdicts, ratios))
            if count >= MANY_ROWS and self.ours.driver and self.ours.name not in verdicts:
                dropped.append(self.dropped(it, count, sql[self.ours.name], times))
            print(" ".join(str(cell) for cell in rows[-1]), file=sys.stderr, flush=True)
        if not self.arguments.only:
            rows.append(self.export())
        self.say("Median and 99th percentile in milliseconds, hot.\n")
        names = [side.name for side in self.sides]
        table(self.out, ["statement", "rows", *names, "times faster than ENUM", "than the best", ""], rows)
        self.say("")
        if ratios:
            classes(self.out, ratios)
        if dropped:
            self.say("\nThe same by a client that drops rows as they come, as the peers drop theirs.\n")
            table(self.out, ["statement", "rows", "by the driver", "dropped", DuckEnums.name], dropped)

    def dropped(self, it, count, sql, times):
        """A row of the table of what the driver costs."""
        dropped = self.ours.dropped_times(sql, self.arguments.runs, self.arguments.seconds)
        self.times[f"{it.name}, dropped"] = {self.ours.name: dropped}
        shown = [times[self.ours.name], dropped, times.get(DuckEnums.name)]
        return [it.name, count, *(both(of) for of in shown)]

    def compared(self, it, sql):
        """The number of rows, and who fails how."""
        verdicts, expected = {}, None
        for side in [self.witness, *(side for side in self.sides if side is not self.witness)]:
            try:
                answer = side.answer(sql[side.name])
                if expected is None:
                    expected = answer
                elif different := answers.difference(expected, answer, it.is_ordered):
                    verdicts[side.name] = f"DIFFERENT {different}"
            except Exception as error:
                verdicts[side.name] = f"FAILED {error}"
        # Only ours must not fail; a peer may not know a statement.
        self.failures += self.ours.name in verdicts
        return len(expected[1]) if expected else 0, verdicts

    def row(self, it, count, times, verdicts, ratios):
        """A row of the table of times."""
        medians = {name: statistics.median(of) for name, of in times.items()}
        mine, enums = medians.get(self.ours.name), medians.get(DuckEnums.name)
        others = [of for name, of in medians.items() if name != self.ours.name]
        faster = enums / mine if mine and enums else None
        best = min(others) / mine if mine and others else None
        if faster is not None:
            ratios.append((it.kind, it.name, faster))
        shown = [both(times.get(side.name)) for side in self.sides]
        verdict = "; ".join(f"{name}: {one_line(what)}" for name, what in verdicts.items()) or "EQUAL"
        return [it.name, count, *shown, ratio(faster), ratio(best), verdict]

    def export(self):
        """The whole cube as CSV, over the socket for ours, to nowhere for the others."""
        times = {}
        for side in self.sides:
            try:
                times[side.name] = side.export_times(self.cube.name, 3)
            except RuntimeError as error:
                print(f"{side.name} export: {one_line(error)}", file=sys.stderr)
        self.times["export"] = times
        medians = {name: statistics.median(of) for name, of in times.items()}
        mine, enums = medians.get(self.ours.name), medians.get(DuckEnums.name)
        others = [of for name, of in medians.items() if name != self.ours.name]
        shown = [both(times.get(side.name)) for side in self.sides]
        faster = enums / mine if mine and enums else None
        return ["export", "all", *shown, ratio(faster), ratio(min(others) / mine if mine and others else None), ""]

    def openings(self):
        """From the start of our server to its first answer, one series by SQL, in new processes."""
        times = []
        for _ in range(11):
            ready = self.ours.open()
            started = time.perf_counter()
            self.ours.answer(self.first_statement())
            times.append(ready + (time.perf_counter() - started) * 1000)
            self.ours.close()
        self.say(f"\nOpen to the first answer: {milliseconds(statistics.median(times))} ms, at most {milliseconds(max(times))}.")

    def rest(self):
        """One series and availability by REST, and one series by SQL, prepared."""
        conditions = dict(part.split(" = ") for part in self.series.split(" AND ") if " = " in part)
        key = ".".join(conditions.get(it.lower(), "''").strip("'") for it in self.cube.dimensions)
        flow = self.cube.path
        rows = []
        prepared = self.ours.prepared_times(self.first_statement(), 500, 1.0)
        if prepared:
            rows.append(["one series by SQL, prepared", milliseconds(statistics.median(prepared)), milliseconds(percentile(prepared, 0.99))])
        code = conditions.get("ref_area", "").strip("'") or "NONE"
        paths = {
            "one series by REST, to the first byte": f"/sdmx/v2/data/dataflow/{flow}/{key}?format=csvdata",
            "available codes with counts, filtered": f"/sdmx/v2/availability/dataflow/{flow}/*/all?c[REF_AREA]={code}&mode=exact",
        }
        for name, path in paths.items():
            try:
                times = self.ours.get_times(path, 500, 1.0)
                rows.append([name, milliseconds(statistics.median(times)), milliseconds(percentile(times, 0.99))])
            except (RuntimeError, OSError) as error:
                rows.append([name, one_line(error), ""])
        self.say("")
        table(self.out, ["sdmxdb", "median ms", "99th percentile"], rows)

    def memory(self):
        """Peak memory of each process after all statements."""
        self.say("")
        peaks = [(side.name, side.peak()) for side in self.sides]
        table(self.out, ["peak memory of all statements", "MB"], [[name, f"{peak / 1e6:,.0f}"] for name, peak in peaks if peak])

    def cold(self):
        """Each statement as the first that a new process is asked, without a file in the page cache."""
        rows, ratios = [], []
        for it in self.wanted():
            times = {}
            for side in self.sides:
                sql = it.of(side.name, self.cube.name, self.series)
                try:
                    times[side.name] = [self.cold_time(side, sql) for _ in range(COLD_RUNS)]
                except RuntimeError as error:
                    print(f"{side.name} {it.name}: {one_line(error)}", file=sys.stderr)
            self.times[f"{it.name}, cold"] = times
            rows.append([cell for cell in self.row(it, "", times, {}, ratios)[:-1]])
        self.say(f"\nCold: median and greatest of {COLD_RUNS}, in milliseconds.\n")
        names = [side.name for side in self.sides]
        table(self.out, ["statement", "", *names, "times faster than ENUM", "than the best"], rows)
        self.say("")
        if ratios:
            classes(self.out, ratios)

    @staticmethod
    def cold_time(side, sql):
        """Milliseconds of a statement after all was forgotten; opening is not counted."""
        forget(side.folder)
        side.open()
        try:
            return side.times(sql, 1, 0)[0]
        finally:
            side.close()


def ratio(number):
    """How many times, or nothing."""
    return "" if number is None else f"{number:.2f}"


def one_line(error):
    """An error in a cell of a table."""
    return " ".join(str(error).split()).replace("|", "\\|")[:200]


if __name__ == "__main__":
    sys.exit(main())
