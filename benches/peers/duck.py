"""DuckDB: columns of text, and at its best with ENUM columns."""

from .peer import Peer, quote

# Codes above which a column stays text.
ENUM_CODES_MAX = 100_000


class DuckTexts(Peer):
    """DuckDB as `read_csv` fills it."""

    name = "DuckDB VARCHAR"
    package = "duckdb"

    def load(self, data):
        self.open()
        run = self.connection.execute
        run(f'CREATE SCHEMA "{self.cube.schema}"')
        self.fill(run, data)
        run("CHECKPOINT")
        self.close()

    def fill(self, run, data):
        """Makes the table."""
        run(f'CREATE TABLE {self.cube.name} AS SELECT {self.columns_read()} FROM {self.source(data)}')

    def source(self, data):
        """The file as a table of texts."""
        return f"read_csv({quote(data)}, header = true, all_varchar = true)"

    def columns_read(self, cast=lambda column: f'"{column}"'):
        """What is read of the file: numbers where there are any, texts for the rest."""
        numbers = {it: f'try_cast("{it}" AS DOUBLE)' for it in self.cube.measures}
        # NaN and infinities are no numbers in SQL.
        numbers = {it: f"CASE WHEN isfinite({text}) THEN {text} END" for it, text in numbers.items()}
        shown = [f'{numbers.get(it) or cast(it)} AS "{it.lower()}"' for it in self.columns()]
        return ", ".join(shown)

    def open(self):
        import duckdb

        self.folder.mkdir(parents=True, exist_ok=True)
        self.connection = duckdb.connect(str(self.folder / "cube.duckdb"))
        self.connection.execute(f"SET threads = {self.threads}")
        self.connection.execute("SET enable_progress_bar = false")

    def close(self):
        self.connection.close()

    def run(self, sql):
        cursor = self.connection.execute(sql)
        # DuckDB 1 has nothing cheaper that is sure to run to the end.
        getattr(cursor, "complete", cursor.fetchall)()

    def answer(self, sql):
        cursor = self.connection.execute(sql)
        return [it[0] for it in cursor.description], cursor.fetchall()

    def export(self):
        self.connection.execute(f"COPY {self.cube.name} TO '/dev/null' (FORMAT csv)")


class DuckEnums(DuckTexts):
    """DuckDB with an ENUM for each column of codes."""

    name = "DuckDB ENUM"

    def fill(self, run, data):
        run(f"CREATE TEMP TABLE texts AS SELECT * FROM {self.source(data)}")
        types = {}
        for column in self.codes():
            codes = run(f'SELECT count(DISTINCT "{column}") FROM texts').fetchone()[0]
            if 0 < codes < ENUM_CODES_MAX:
                types[column] = f'"enum_{column.lower()}"'
                run(
                    f'CREATE TYPE {types[column]} AS ENUM (SELECT DISTINCT "{column}" FROM texts '
                    f'WHERE "{column}" IS NOT NULL ORDER BY 1)'
                )
        coded = lambda column: f'"{column}"::{types[column]}' if column in types else f'"{column}"'
        run(f"CREATE TABLE {self.cube.name} AS SELECT {self.columns_read(coded)} FROM texts")
        run("DROP TABLE texts")
