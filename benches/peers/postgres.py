"""PostgreSQL, where its programs are on this machine: a server of its own for the run."""

import os
import shutil
import subprocess
from pathlib import Path

from .peer import Peer

PROGRAMS = ["/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"]


class PostgreSql(Peer):
    """A table with an index on the key, unlogged, in a cluster that is made here."""

    name = "PostgreSQL"
    package = "psycopg"

    def load(self, data):
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            # It refuses to run as root.
            shutil.chown(self.folder, "postgres", "postgres")
            for parent in [self.folder, *self.folder.parents]:
                if parent.stat().st_mode & 0o001 == 0:
                    parent.chmod(parent.stat().st_mode | 0o011)
        self.program("initdb", "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust", "-N")
        self.open()
        run = self.connection.execute
        run(f"CREATE SCHEMA IF NOT EXISTS {self.cube.schema}")
        run("CREATE UNLOGGED TABLE source (" + ", ".join(f'"{it}" text' for it in self.cube.header) + ")")
        with self.connection.cursor().copy("COPY source FROM STDIN (FORMAT csv, HEADER)") as copy, open(data, "rb") as rows:
            while block := rows.read(1 << 20):
                copy.write(block)
        numbers = {it: f"""CASE WHEN "{it}" ~ '^[-+0-9.eE]+$' THEN "{it}"::float8 END""" for it in self.cube.measures}
        shown = [f'{numbers.get(it) or quoted(it)} AS "{it.lower()}"' for it in self.columns()]
        run(f"CREATE UNLOGGED TABLE {self.cube.name} AS SELECT {', '.join(shown)} FROM source")
        run("DROP TABLE source")
        key = ", ".join(f'"{it.lower()}"' for it in self.cube.dimensions)
        run(f"CREATE INDEX ON {self.cube.name} ({key})")
        run(f"VACUUM ANALYZE {self.cube.name}")
        self.close()

    def program(self, name, *words):
        """Runs one of its programs, as its own user where we are root."""
        found = [it for pattern in PROGRAMS for it in sorted(Path("/").glob(pattern[1:] + "/" + name))]
        found = str(found[-1]) if found else name
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        done = subprocess.run([*user, found, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/")
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {done.stderr.strip()}")

    def open(self):
        import psycopg

        options = (
            f"-k {self.folder} -c listen_addresses='' -c max_parallel_workers_per_gather={self.threads} "
            "-c shared_buffers=2GB -c work_mem=256MB -c jit=off"
        )
        data = str(self.folder / "data")
        self.program("pg_ctl", "-D", data, "-l", str(self.folder / "log"), "-o", options, "-w", "start")
        self.connection = psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True)

    def close(self):
        self.connection.close()
        self.program("pg_ctl", "-D", str(self.folder / "data"), "-m", "fast", "-w", "stop")

    def run(self, sql):
        self.connection.execute(sql)

    def answer(self, sql):
        cursor = self.connection.execute(sql)
        return [it.name for it in cursor.description], cursor.fetchall()

    def export(self):
        with self.connection.cursor().copy(f"COPY {self.cube.name} TO STDOUT (FORMAT csv)") as copy:
            for _ in copy:
                pass


def quoted(column):
    """A column as SQL names it."""
    return f'"{column}"'
