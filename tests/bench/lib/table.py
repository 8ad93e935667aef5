"""Medians of what a benchmark measured, ratios to its reference, and whether the bars hold.

Values: round, measure, side, number, separated by tabs. Bars: measure, side, limit such as '>= 2.0'. The bar of a
side is for its ratio to the reference; when the reference did not measure it, for the value itself.
"""

import argparse
import json
import math
import re
import statistics
from pathlib import Path

HEADER = """# Results

Each section is the last recorded run of one benchmark: `./bench NAME --record` rewrites it. Ratios are medians of
the ratios within each round; the two sides of a ratio ran one after the other in the same round.
"""


def read(path):
    return [line.split("\t") for line in Path(path).read_text().splitlines()]


def holds(limit, number):
    operator, bound = limit.split()
    return number >= float(bound) if operator == ">=" else number <= float(bound)


def rows(values, bars, reference):
    numbers = {}
    for turn, measure, side, number in values:
        if number not in ("nan", "null", ""):
            numbers.setdefault((measure, side), {})[turn] = float(number)
    for (measure, side), ours in numbers.items():
        peer = numbers.get((measure, reference))
        if side == reference:
            continue
        row = {"measure": measure, "side": side, "value": statistics.median(ours.values())}
        judged = row["value"]
        if peer:
            row["reference"] = statistics.median(peer.values())
            ratios = [ours[turn] / peer[turn] for turn in ours if peer.get(turn)]
            row["ratio"] = judged = statistics.median(ratios) if ratios else math.nan
        if (measure, side) in bars:
            row["bar"] = bars[measure, side]
            row["holds"] = holds(row["bar"], judged)
        yield row


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def cells(row):
    return [row["measure"], number(row.get("reference")), row["side"], number(row["value"]),
            f"{row['ratio']:.2f}" if "ratio" in row else "", row.get("bar", ""),
            {True: "yes", False: "no", None: ""}[row.get("holds")]]


def as_text(table, reference):
    lines = [["", reference, "", "", "ratio", "bar", "holds"], *map(cells, table)]
    widths = [max(len(line[i]) for line in lines) for i in range(7)]
    left = (0, 2)
    return "\n".join(
        "  ".join(cell.ljust(width) if i in left else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
        for line in lines)


def as_markdown(table, reference):
    lines = [["", reference, "", "", "ratio", "bar", "holds"], ["---", "---:", "---", "---:", "---:", "---:", "---"], *map(cells, table)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def record(path, name, text):
    """Rewrites the section between the benchmark's markers, or adds it in the order of the names."""
    before = path.read_text() if path.exists() else ""
    sections = dict(re.findall(r"<!-- begin (\S+) -->\n(.*?)\n<!-- end \1 -->", before, re.S))
    sections[name] = text
    path.write_text(HEADER + "".join(
        f"\n<!-- begin {key} -->\n{body}\n<!-- end {key} -->\n" for key, body in sorted(sections.items())))


def main():
    parser = argparse.ArgumentParser()
    for option in ("--values", "--bars", "--noise", "--benchmark", "--command", "--reference"):
        parser.add_argument(option, required=True)
    parser.add_argument("--format", choices=("text", "json"))
    parser.add_argument("--record", type=Path)
    parser.add_argument("--machine", default="")
    options = parser.parse_args()

    bars = {(measure, side): limit for measure, side, limit in read(options.bars)}
    table = list(rows(read(options.values), bars, options.reference))
    noise = [line[0] for line in read(options.noise)]
    turns = max((int(line[0]) for line in read(options.values)), default=0)
    if options.format == "json":
        print(json.dumps({"benchmark": options.benchmark, "rounds": turns, "busy": noise.count("busy"), "runs": len(noise), "measures": table}))
    elif options.format == "text":
        print(as_text(table, options.reference))
        print(f"{noise.count('busy')} of {len(noise)} runs began on a busy machine")
    if options.record:
        record(options.record, options.benchmark, "\n".join((
            f"## {options.benchmark}", "", f"`{options.command}`, {turns} rounds. {options.machine}. "
            f"{noise.count('busy')} of {len(noise)} runs began on a busy machine.", "", as_markdown(table, options.reference))))


if __name__ == '__main__':
    main()
