"""sdmxdb: loaded by its command, served in a process of its own, asked over the Postgres socket."""

import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from .peer import files
from .wire import Client
from .worker import measure

HOST = "127.0.0.1"


class Ours:
    """The binary under test, with a database folder. Times are a client's round trips."""

    name = "sdmxdb"

    def __init__(self, binary, folder, threads):
        self.binary, self.folder, self.threads = str(binary), Path(folder), threads
        self.server = self.client = None

    def load(self, structure, data):
        """Loads files, `data` from a pipe if it is one; gives seconds and peak bytes of memory."""
        started = time.perf_counter()
        is_pipe = not isinstance(data, (str, Path))
        words = [self.binary, "load", str(self.folder), str(structure), "-" if is_pipe else str(data)]
        source = data if is_pipe else subprocess.DEVNULL
        child = subprocess.Popen(words, stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise RuntimeError(f"load failed: {said.strip()}")
        return time.perf_counter() - started, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    def open(self):
        """Starts the server; gives milliseconds until it is ready."""
        self.pg, self.http = free_port(), free_port()
        words = [self.binary, "serve", str(self.folder), "--pg", f"{HOST}:{self.pg}", "--http", f"{HOST}:{self.http}"]
        started = time.perf_counter()
        self.server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = []
        for line in self.server.stdout:
            said.append(line)
            if "ready" in line:
                break
        else:
            raise RuntimeError(f"serve failed: {''.join(said).strip()}")
        ready = (time.perf_counter() - started) * 1000
        self.client = Client(HOST, self.pg)
        self.driver = driver(self.pg)
        return ready

    def close(self):
        """Stops the server."""
        self.client.close()
        if self.driver:
            self.driver.close()
        self.server.terminate()
        self.server.wait(30)

    def run(self, sql):
        """Answers a statement, and drops its rows."""
        if self.driver:
            # One round trip; the rows stay in the driver's memory, as the driver keeps them.
            self.driver.execute(sql, binary=True)
        else:
            self.client.run(sql)

    def times(self, sql, runs_max, seconds):
        """Milliseconds of each run."""
        return measure(lambda: self.run(sql), runs_max, seconds)

    def dropped_times(self, sql, runs_max, seconds):
        """The same for a client that drops rows as they come, as the peers do; texts, not binary."""
        return measure(lambda: self.client.run(sql), runs_max, seconds)

    def prepared_times(self, sql, runs_max, seconds):
        """The same for a statement that the server has planned; None without a driver that can."""
        if not self.driver:
            return None
        return measure(lambda: self.driver.execute(sql, prepare=True, binary=True), runs_max, seconds)

    def answer(self, sql):
        """Column names and rows, all of them texts."""
        return self.client.answer(sql)

    def export_times(self, table, runs_max):
        """Milliseconds of each COPY of the whole cube to this client."""
        return measure(lambda: self.client.run(f"COPY {table} TO STDOUT (FORMAT csv)"), runs_max, 1.0)

    def get_times(self, path, runs_max, seconds):
        """Milliseconds to the first byte of an answer of the REST side, on an open connection."""
        connection = http.client.HTTPConnection(HOST, self.http)

        def get():
            connection.request("GET", path)
            answer = connection.getresponse()
            first.append(time.perf_counter())
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status}")

        times, begun = [], time.perf_counter()
        while len(times) < runs_max and time.perf_counter() - begun < seconds:
            first, started = [], time.perf_counter()
            get()
            times.append((first[0] - started) * 1000)
        connection.close()
        return times

    def peak(self):
        """Peak bytes of memory of the server until now; None where the system does not tell."""
        status = Path(f"/proc/{self.server.pid}/status")
        if not status.exists():
            return None
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) * 1024

    def bytes(self):
        """Size of all files."""
        return sum(it.stat().st_size for it in files(self.folder))


def driver(port):
    """A connection of psycopg with results in binary, where it is installed."""
    try:
        import psycopg
    except ImportError:
        return None
    connection = psycopg.connect(host=HOST, port=port, user="reader", dbname="sdmxdb", autocommit=True)
    # A statement is prepared where that is asked for, not after some runs. None would mean never.
    connection.prepare_threshold = 1 << 30
    return connection


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as it:
        it.bind((HOST, 0))
        return it.getsockname()[1]
