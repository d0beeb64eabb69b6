"""What all peers have in common."""

import os
from pathlib import Path


class Peer:
    """An engine inside this process, with its files in a folder of its own."""

    # Without this package there is no such peer.
    package = ""

    def __init__(self, folder, cube, threads):
        self.folder, self.cube, self.threads = Path(folder), cube, threads

    def load(self, data):
        """Reads a file of SDMX-CSV; what is loaded is on disk afterwards, and nothing is open."""
        raise NotImplementedError

    def open(self):
        """Opens what is loaded."""
        raise NotImplementedError

    def close(self):
        """Lets go of the files."""
        raise NotImplementedError

    def run(self, sql):
        """Answers a statement, and drops its rows."""
        raise NotImplementedError

    def answer(self, sql):
        """Column names and rows."""
        raise NotImplementedError

    def export(self):
        """Writes the whole cube as CSV to where it is forgotten."""
        raise NotImplementedError

    def bytes(self):
        """Size of all files."""
        return sum(it.stat().st_size for it in files(self.folder))

    # Columns of the table: what SQL needs, nothing of the written form.

    def codes(self):
        """The coded columns, as the header writes them."""
        return [*self.cube.dimensions, *(["TIME_PERIOD"] if self.cube.has_time else []), *self.cube.attributes]

    def columns(self):
        """All columns in their order, as the header writes them."""
        time = ["TIME_PERIOD"] if self.cube.has_time else []
        return [*self.cube.dimensions, *time, *self.cube.measures, *self.cube.attributes]


def files(folder):
    """All files below a folder."""
    return [it for it in Path(folder).rglob("*") if it.is_file()]


def forget(folder):
    """Drops the files of a folder from the page cache of the operating system."""
    for path in files(folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            # Only what is on disk can be dropped.
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def quote(text):
    """A text as SQL writes it."""
    return "'" + str(text).replace("'", "''") + "'"
