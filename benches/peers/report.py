"""Tables in Markdown."""

import math
import statistics

# What is wanted of a class: how many times faster than DuckDB with ENUM columns, by the size of
# the cube, or how many milliseconds it may take.
TARGETS = {
    "group": "5x, 10x from 100 million",
    "list": "5x, 10x from 100 million",
    "window": "2x, 3x from 100 million",
    "point": "1.2 ms one series, 5 ms a slice",
    "wide": "1x",
}


def percentile(times, share):
    """The time that this share of the runs does not exceed."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def milliseconds(number):
    """A time, short."""
    if number is None:
        return ""
    return f"{number:.2f}" if number < 10 else f"{number:.1f}" if number < 100 else f"{number:,.0f}"


def both(times):
    """Median and 99th percentile."""
    return "" if not times else f"{milliseconds(statistics.median(times))} / {milliseconds(percentile(times, 0.99))}"


def geometric_mean(numbers):
    """Of positive numbers."""
    return math.exp(statistics.fmean(math.log(max(it, 1e-9)) for it in numbers))


def table(out, head, rows):
    """A table whose columns but the first and the last are numbers."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    print(f"| {' | '.join(head)} |\n|{'|'.join(rule)}|", file=out)
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", file=out, flush=True)


def classes(out, ratios):
    """How many times faster, by class: `ratios` holds class, name, and how many times."""
    rows = []
    for kind in dict.fromkeys(kind for kind, *_ in ratios):
        those = [(ratio, name) for of, name, ratio in ratios if of == kind]
        least, name = min(those)
        mean = geometric_mean(ratio for ratio, _ in those)
        rows.append([kind, len(those), f"{mean:.2f}", f"{least:.2f} ({name})", TARGETS.get(kind, "")])
    table(out, ["class", "statements", "geometric mean", "least", "wanted"], rows)
