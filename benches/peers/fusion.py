"""DataFusion over Parquet files: the engine that ours is built with, without our store."""

import shutil

from .peer import Peer


class DataFusion(Peer):
    """One folder of Parquet, zstd, written by DataFusion itself in the order of the file."""

    name = "DataFusion on Parquet"
    package = "datafusion"

    def load(self, data):
        import pyarrow

        self.folder.mkdir(parents=True, exist_ok=True)
        context = self.context()
        schema = pyarrow.schema([(it, pyarrow.string()) for it in self.cube.header])
        context.register_csv("source", str(data), schema=schema)
        numbers = {it: f"""CASE WHEN "{it}" NOT IN ('NaN', 'INF', '-INF') THEN try_cast("{it}" AS DOUBLE) END""" for it in self.cube.measures}
        shown = [f'{numbers.get(it) or texts(it)} AS "{it.lower()}"' for it in self.columns()]
        frame = context.sql(f"SELECT {', '.join(shown)} FROM source")
        shutil.rmtree(self.folder / "cube", ignore_errors=True)
        frame.write_parquet(str(self.folder / "cube"), compression="zstd", compression_level=3)

    def context(self):
        """A session with as many threads as the others have."""
        from datafusion import SessionConfig, SessionContext

        return SessionContext(SessionConfig().with_target_partitions(self.threads))

    def open(self):
        self.session = self.context()
        self.session.register_parquet(self.cube.table, str(self.folder / "cube"))

    def close(self):
        self.session = None

    def run(self, sql):
        self.session.sql(self.renamed(sql)).collect()

    def answer(self, sql):
        frame = self.session.sql(self.renamed(sql))
        names = frame.schema().names
        rows = [list(row.values()) for batch in frame.collect() for row in unnamed(batch).to_pylist()]
        return names, rows

    def renamed(self, sql):
        """Its table has no schema."""
        return sql.replace(self.cube.name, self.cube.table)

    def export(self):
        target = self.folder.parent / "export.csv"
        self.session.sql(f"SELECT * FROM {self.cube.table}").write_csv(str(target), True)
        shutil.rmtree(target, ignore_errors=True)
        target.unlink(missing_ok=True)


def texts(column):
    """An empty cell is missing."""
    return f"""nullif("{column}", '')"""


def unnamed(batch):
    """The same with columns that are all called differently."""
    return batch.rename_columns([str(place) for place in range(batch.num_columns)])
