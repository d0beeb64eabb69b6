#!/usr/bin/env python3
"""How many rows a second come over the Postgres wire, beside PostgreSQL itself, in one run.

    python3 benches/wire.py 127.0.0.1:5433 ecb.exr 127.0.0.1:5432

Both servers run. The table is copied from the first to a scratch table of the second, of the same
columns; then psql and psycopg read it from each. PostgreSQL's user is `postgres` and its database
`postgres`, unless PGUSER and PGDATABASE say otherwise. Needs psql and PyPI `psycopg[binary]`.
"""

import os
import subprocess
import sys
import time

import psycopg

RUNS = 3


def connect(address, user, database):
    host, port = address.rsplit(":", 1)
    return psycopg.connect(host=host, port=int(port), user=user, dbname=database, autocommit=True)


def copy_over(source, table, target):
    """Makes the scratch table; returns its number of rows."""
    columns = source.execute(f"SELECT * FROM {table} LIMIT 0").description
    types = {25: "text", 1043: "text", 701: "double precision", 1082: "date", 1114: "timestamp"}
    types |= {20: "bigint", 23: "integer", 1700: "numeric", 16: "boolean"}
    definitions = ", ".join(f'"{c.name}" {types.get(c.type_code, "text")}' for c in columns)
    target.execute("DROP TABLE IF EXISTS sdmxdb_wire_scratch")
    target.execute(f"CREATE UNLOGGED TABLE sdmxdb_wire_scratch ({definitions})")
    with source.cursor().copy(f"COPY (SELECT * FROM {table}) TO STDOUT") as out:
        with target.cursor().copy("COPY sdmxdb_wire_scratch FROM STDIN") as into:
            for piece in out:
                into.write(piece)
    target.execute("VACUUM ANALYZE sdmxdb_wire_scratch")
    return target.execute("SELECT count(*) FROM sdmxdb_wire_scratch").fetchone()[0]


def best(action):
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


def psql(address, user, database, command):
    host, port = address.rsplit(":", 1)
    arguments = ["psql", "-X", "-q", "-A", "-t", "-h", host, "-p", port, "-U", user, "-d", database]
    subprocess.run(arguments + ["-v", "FETCH_COUNT=10000", "-c", command], stdout=subprocess.DEVNULL, check=True)


def fetch(connection, query, binary):
    with connection.transaction(), connection.cursor("wire", binary=binary) as cursor:
        cursor.itersize = 10_000
        cursor.execute(query)
        for _ in cursor:
            pass


def main():
    ours, table, theirs = sys.argv[1:4]
    user, database = os.environ.get("PGUSER", "postgres"), os.environ.get("PGDATABASE", "postgres")
    sides = [
        ("sdmxdb", ours, "reader", "sdmxdb", table),
        ("PostgreSQL", theirs, user, database, "sdmxdb_wire_scratch"),
    ]
    connections = {name: connect(address, user, db) for name, address, user, db, _ in sides}
    rows = copy_over(connections["sdmxdb"], table, connections["PostgreSQL"])
    print(f"{rows} rows; thousand rows a second, the best of {RUNS} runs")
    print(f"{'':32} {'sdmxdb':>10} {'PostgreSQL':>10} {'ratio':>7}")
    ways = [
        ("COPY TO STDOUT, text", lambda n, a, u, d, t: psql(a, u, d, f"COPY (SELECT * FROM {t}) TO STDOUT")),
        ("COPY TO STDOUT, CSV", lambda n, a, u, d, t: psql(a, u, d, f"COPY (SELECT * FROM {t}) TO STDOUT (FORMAT csv)")),
        ("COPY TO STDOUT, binary", lambda n, a, u, d, t: psql(a, u, d, f"COPY (SELECT * FROM {t}) TO STDOUT (FORMAT binary)")),
        ("SELECT by psql, cursor", lambda n, a, u, d, t: psql(a, u, d, f"SELECT * FROM {t}")),
        ("psycopg, cursor, binary", lambda n, a, u, d, t: fetch(connections[n], f"SELECT * FROM {t}", True)),
    ]
    for label, way in ways:
        speeds = [rows / best(lambda side=side: way(*side)) / 1e3 for side in sides]
        print(f"{label:32} {speeds[0]:10.0f} {speeds[1]:10.0f} {speeds[0] / speeds[1]:7.2f}")


main()
