"""The statements of a file, with what is special to an engine."""

from pathlib import Path


class Statement:
    """One statement of shapes.sql."""

    def __init__(self, name):
        self.name, self.kind, self.is_ordered, self.sql, self.others = name, "wide", False, "", {}

    def of(self, engine, table, series):
        """What one engine is asked; the first word of its name decides."""
        sql = self.others.get(engine.split()[0].lower(), self.sql)
        return sql.replace("{table}", table).replace("{series}", series)


def read(path):
    """The statements of a file, in its order."""
    statements = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if line.startswith("-- name: "):
            statements.append(Statement(line[9:].strip()))
        elif not statements or not line.strip():
            continue
        elif line.startswith("-- class: "):
            statements[-1].kind = line[10:].strip()
        elif line.strip() == "-- ordered":
            statements[-1].is_ordered = True
        elif line.startswith("-- "):
            engine, sql = line[3:].split(": ", 1)
            statements[-1].others[engine] = sql.strip()
        else:
            statements[-1].sql = f"{statements[-1].sql} {line.strip()}".strip()
    for statement in statements:
        statement.sql = statement.sql.rstrip(";")
    return statements
