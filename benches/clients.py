#!/usr/bin/env python3
"""How long do clients wait when many ask at once, and how soon does a statement stop?

Serves a database and lets 64 clients ask: mostly one series each, now and then a slice, a list of
codes or a group. First alone, then beside two connections that scan the whole cube without a break.
Prints median and 99th percentile by kind of statement, from sending to the last byte. Then it
cancels long statements and prints how long after the request they ended.

    python3 benches/clients.py DB gen.labour target/release/sdmxdb

DB is a loaded database with the labour cube of benches/generate.rs. Only the standard library is
used; one thread waits for all sockets, so that clients are not in each other's way.
"""

import argparse
import heapq
import random
import selectors
import statistics
import sys
import time

from peers.ours import HOST, Ours
from peers.report import milliseconds, percentile, table
from peers.wire import READY, Client

# How often each kind is asked, of a hundred.
MIX = {"one series": 80, "slice": 8, "codes": 6, "by area": 4, "latest": 2}

SCANS = [
    "SELECT count(g), max(g) FROM (SELECT obs_value - lag(obs_value) OVER (PARTITION BY {key} "
    "ORDER BY time_period) AS g FROM {table}) AS t",
    "SELECT obs_status, count(*), avg(obs_value) FROM {table} WHERE obs_value > 3 GROUP BY obs_status",
]

LONG = {
    "growth of all series": SCANS[0],
    "median by indicator": "SELECT indicator, median(obs_value) FROM {table} GROUP BY indicator",
    "cube of four": "SELECT freq, sex, source, age, sum(obs_value) FROM {table} GROUP BY CUBE (freq, sex, source, age)",
    "groups of values": "SELECT obs_value, count(*) FROM {table} GROUP BY obs_value",
    "sorted by value": "SELECT ref_area, obs_value FROM {table} ORDER BY obs_value, ref_area",
    "self join": "SELECT count(*) FROM {table} AS a JOIN {table} AS b ON a.time_period = b.time_period AND a.sex = b.sex",
    "cross join": "SELECT sum(a.obs_value + b.obs_value) FROM {table} AS a CROSS JOIN {table} AS b",
    "all rows": "SELECT * FROM {table}",
}
# Seconds that a statement runs before it is cancelled.
BEFORE_CANCEL = 0.15


class Asker:
    """One client of many: what it waits for, and since when."""

    def __init__(self, port):
        self.client = Client(HOST, port)
        self.client.socket.setblocking(False)
        self.kind, self.sent, self.tail, self.failed = None, 0.0, b"", False

    def ask(self, kind, sql):
        """Sends a statement."""
        self.kind, self.tail, self.failed, self.sent = kind, b"", False, time.perf_counter()
        self.client.send(sql)

    def hear(self):
        """Reads what there is; the milliseconds waited once the answer is whole, else nothing."""
        received = self.client.socket.recv(1 << 20)
        if not received:
            raise RuntimeError("the server hung up")
        if not self.tail and received[:1] == b"E":
            self.failed = True
        self.tail = (self.tail + received)[-6:]
        if self.tail[:-1] != READY:
            return None
        return (time.perf_counter() - self.sent) * 1000


class Statements:
    """Draws statements over the series that there are."""

    def __init__(self, client, name, seed):
        self.name, self.random = name, random.Random(seed)
        names, _ = client.answer(f"SELECT * FROM {name} LIMIT 0")
        self.key = names[: names.index("time_period")]
        columns = ", ".join(self.key)
        _, self.series = client.answer(f"SELECT DISTINCT {columns} FROM {name} WHERE sex = 'F' AND ref_area < 'F'")
        self.areas = sorted({row[self.key.index("ref_area")] for row in self.series})
        self.indicators = sorted({row[self.key.index("indicator")] for row in self.series})

    def draw(self):
        """A kind and a statement."""
        kind = self.random.choices(list(MIX), list(MIX.values()))[0]
        area, indicator = self.random.choice(self.areas), self.random.choice(self.indicators)
        if kind == "one series":
            pairs = zip(self.key, self.random.choice(self.series))
            where = " AND ".join(f"{column} = '{code}'" for column, code in pairs)
            return kind, f"SELECT time_period, obs_value, obs_status FROM {self.name} WHERE {where} ORDER BY time_period"
        if kind == "slice":
            return kind, f"SELECT * FROM {self.name} WHERE ref_area = '{area}' AND indicator = '{indicator}' AND time_period >= '2020'"
        if kind == "codes":
            return kind, f"SELECT DISTINCT age FROM {self.name} WHERE ref_area = '{area}' AND indicator = '{indicator}'"
        if kind == "by area":
            return kind, f"SELECT ref_area, sum(obs_value) FROM {self.name} WHERE indicator = '{indicator}' GROUP BY ref_area"
        return kind, f"SELECT sex, age, max(time_period) FROM {self.name} WHERE ref_area = '{area}' GROUP BY sex, age"

    def fill(self, sql):
        """A statement with its placeholders filled."""
        return sql.replace("{table}", self.name).replace("{key}", ", ".join(self.key))


def crowd(port, drawn, count, scans, seconds, every):
    """Lets clients ask for some time; waits by kind, and the scans that ended."""
    selector = selectors.DefaultSelector()
    askers = [Asker(port) for _ in range(count)]
    scanners = [Asker(port) for _ in scans]
    for asker in [*askers, *scanners]:
        selector.register(asker.client.socket, selectors.EVENT_READ, asker)
    waits, ended, failed = {kind: [] for kind in MIX}, 0, 0
    begun = time.perf_counter()
    # When who asks next; clients begin at different moments, and do not fall into step.
    due = [(begun + every * place / count, place) for place in range(count)]
    heapq.heapify(due)
    for scanner, sql in zip(scanners, scans):
        scanner.ask(sql, sql)
    while (now := time.perf_counter()) < begun + seconds:
        while due and due[0][0] <= now:
            _, place = heapq.heappop(due)
            askers[place].ask(*drawn.draw())
        patience = max(0.0, (due[0][0] if due else begun + seconds) - time.perf_counter())
        for key, _ in selector.select(min(patience, 0.05)):
            asker = key.data
            waited = asker.hear()
            if waited is None:
                continue
            failed += asker.failed
            if asker in scanners:
                ended += 1
                asker.ask(asker.kind, asker.kind)
                continue
            waits[asker.kind].append(waited)
            pause = every * (0.5 + drawn.random.random())
            heapq.heappush(due, (time.perf_counter() + pause, askers.index(asker)))
    for asker in [*askers, *scanners]:
        asker.client.socket.close()
    if failed:
        raise RuntimeError(f"{failed} statements failed")
    return waits, ended


def cancelled(port, sql, runs):
    """Milliseconds from asking to stop to the end; none where the statement was done before."""
    times = []
    for _ in range(runs):
        client = Client(HOST, port)
        client.send(sql)
        client.socket.settimeout(BEFORE_CANCEL)
        begun, tail = time.perf_counter(), b""
        while time.perf_counter() - begun < BEFORE_CANCEL and tail[:-1] != READY:
            try:
                tail = (tail + client.socket.recv(1 << 20))[-6:]
            except TimeoutError:
                pass
        client.socket.settimeout(30)
        started = time.perf_counter()
        was_done = tail[:-1] == READY
        if not was_done:
            client.cancel(HOST, port)
            while tail[:-1] != READY:
                tail = (tail + client.socket.recv(1 << 20))[-6:]
            times.append((time.perf_counter() - started) * 1000)
        client.close()
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database")
    parser.add_argument("table")
    parser.add_argument("binary")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each part")
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two statements of a client, about")
    parser.add_argument("--cancels", type=int, default=10, help="of each long statement")
    arguments = parser.parse_args()
    server = Ours(arguments.binary, arguments.database, 2)
    server.open()
    try:
        measure_all(arguments, server)
    finally:
        server.close()


def measure_all(arguments, server):
    """Prints everything."""
    drawn = Statements(server.client, arguments.table, 1)
    scans = [drawn.fill(sql) for sql in SCANS]
    for name, beside in [("alone", []), ("beside two scans of the whole cube", scans)]:
        waits, ended = crowd(server.pg, drawn, arguments.clients, beside, arguments.seconds, arguments.every)
        asked = sum(map(len, waits.values()))
        print(f"{arguments.clients} clients, {name}: {asked / arguments.seconds:.0f} statements a second, {ended} scans ended.\n")
        rows = [
            [kind, len(of), milliseconds(statistics.median(of)), milliseconds(percentile(of, 0.99)), milliseconds(max(of))]
            for kind, of in waits.items()
            if of
        ]
        table(sys.stdout, ["statement", "asked", "median ms", "99th percentile", "greatest"], rows)
        print()
    rows = []
    for name, sql in LONG.items():
        times = cancelled(server.pg, drawn.fill(sql), arguments.cancels)
        shown = [milliseconds(statistics.median(times)), milliseconds(max(times))] if times else ["ended before", ""]
        rows.append([name, len(times), *shown])
    print("Cancelled, from the request to the end of the statement.\n")
    table(sys.stdout, ["statement", "times", "median ms", "greatest"], rows)
    print(f"\nPeak memory of the server: {server.peak() / 1e6:,.0f} MB.")


if __name__ == "__main__":
    main()
