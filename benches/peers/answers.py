"""Whether two answers say the same."""

import datetime
import decimal
import math

RELATIVE_TOLERANCE = 1e-9
# A sum that cancels out is compared with the size of what was summed, not with itself.
ABSOLUTE_TOLERANCE = 1e-6


def difference(expected, found, is_ordered):
    """What differs first, or nothing. An answer is column names and rows."""
    (names, rows), (other_names, other_rows) = expected, found
    lower = lambda words: [it.lower() for it in words]
    if sorted(lower(names)) != sorted(lower(other_names)):
        return f"columns {other_names}, expected {names}"
    order = [lower(other_names).index(it) for it in lower(names)]
    rows = [[plain(it) for it in row] for row in rows]
    other_rows = [[plain(row[place]) for place in order] for row in other_rows]
    if len(rows) != len(other_rows):
        return f"{len(other_rows)} rows, expected {len(rows)}"
    floats = {place for row in [*rows, *other_rows] for place, it in enumerate(row) if isinstance(it, float)}
    for row in [*rows, *other_rows]:
        for place in floats:
            row[place] = number(row[place])
    if not is_ordered:
        key = lambda row: sort_key(row, floats)
        rows, other_rows = sorted(rows, key=key), sorted(other_rows, key=key)
    for place, (row, other) in enumerate(zip(rows, other_rows)):
        if not all(map(same, row, other)):
            return f"row {place}: {other}, expected {row}"
    return None


def plain(value):
    """A value: a float stays one, everything else becomes its text, empty where there is none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, float):
        return value
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return str(value)


def number(value):
    """A cell of a column of floats: the text of one engine is the float of another."""
    try:
        return float(value)
    except ValueError:
        return value


def same(one, other):
    """True when two cells say the same."""
    if isinstance(one, float) and isinstance(other, float):
        is_nan = math.isnan(one) and math.isnan(other)
        return is_nan or math.isclose(one, other, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
    return one == other


def sort_key(row, floats):
    """Texts decide the order before numbers, which are cut to what all engines agree on, and before
    the rest of their digits: of two that are alike when cut the smaller comes first everywhere."""
    texts = [it for place, it in enumerate(row) if place not in floats]
    numbers = [float(f"{row[it]:.7g}") if isinstance(row[it], float) else -math.inf for it in sorted(floats)]
    rest = [row[it] if isinstance(row[it], float) else -math.inf for it in sorted(floats)]
    return texts, numbers, rest
