"""ClickHouse inside this process: chdb."""

from .peer import Peer, quote

# Without these it answers other questions than the others: NULL where there is nothing.
SETTINGS = "group_by_use_nulls = 1, join_use_nulls = 1, union_default_mode = 'ALL', aggregate_functions_null_for_empty = 1"


class ClickHouse(Peer):
    """A MergeTree in the order of the keys, with dictionaries for codes."""

    name = "ClickHouse"
    package = "chdb"

    def load(self, data):
        self.open()
        # Its databases have one level of names.
        self.session.query(f"CREATE DATABASE IF NOT EXISTS {self.cube.schema}")
        types = {it: "Nullable(Float64)" for it in self.cube.measures}
        types |= {it: "LowCardinality(Nullable(String))" for it in self.cube.attributes}
        columns = [(it, types.get(it, "LowCardinality(String)")) for it in self.columns()]
        defined = ", ".join(f'"{it.lower()}" {kind}' for it, kind in columns)
        key = ", ".join(f'"{it.lower()}"' for it in self.columns() if it not in types)
        self.session.query(f"CREATE TABLE {self.cube.name} ({defined}) ENGINE = MergeTree ORDER BY ({key})")
        numbers = {it: f'toFloat64OrNull("{it}")' for it in self.cube.measures}
        texts = {it: f"nullIf(\"{it}\", '')" for it in self.cube.attributes}
        read = ", ".join(numbers.get(it) or texts.get(it) or f'"{it}"' for it in self.columns())
        source = f"file({quote(data)}, CSVWithNames, {quote(self.structure())})"
        self.session.query(
            f"INSERT INTO {self.cube.name} SELECT {read} FROM {source} SETTINGS max_threads = {self.threads}"
        )
        self.session.query(f"OPTIMIZE TABLE {self.cube.name} FINAL")
        self.close()

    def structure(self):
        """The columns of the file, all of them texts."""
        return ", ".join(f'"{it}" String' for it in self.cube.header)

    def open(self):
        from chdb.session import Session

        self.folder.mkdir(parents=True, exist_ok=True)
        self.session = Session(str(self.folder))
        self.session.query(f"SET max_threads = {self.threads}")
        for setting in SETTINGS.split(", "):
            self.session.query(f"SET {setting}")

    def close(self):
        self.session.close()

    def run(self, sql):
        self.session.query(sql, "Null")

    def answer(self, sql):
        import pyarrow

        found = self.session.query(sql, "ArrowStream").bytes()
        table = pyarrow.ipc.open_stream(found).read_all()
        columns = [texts(it.to_pylist()) for it in table.columns]
        return table.column_names, list(zip(*columns)) if table.num_rows else []

    def export(self):
        self.session.query(f"SELECT * FROM {self.cube.name} INTO OUTFILE '/dev/null' TRUNCATE FORMAT CSV")


def texts(values):
    """Its texts are bytes."""
    return [it.decode() if isinstance(it, bytes) else it for it in values]
