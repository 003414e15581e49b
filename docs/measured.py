"""Tables of the method pages, taken from those of benchmarks/ when the site is built: each number stands once.

A page says which, in a comment of HTML, with bars between names; where none is named all rows or columns are meant:

    <!-- measured: quality.md
    columns: joint AUC | KS m_jj | seeds
    rows: spline | affine -->
"""

import re
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
COMMENT = re.compile(r"<!-- measured: (\S+)\ncolumns:(.*)\nrows:(.*)-->")


def cells(line: str) -> list[str]:
    """The cells of a line of a table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def tables(text: str) -> list[list[list[str]]]:
    """Every table of a page: its lines as cells, the header first, without the line of dashes."""
    found = re.findall(r"(?:^\|.*\n?)+", text, flags=re.MULTILINE)
    split = [[cells(line) for line in table.strip().splitlines()] for table in found]
    return [[lines[0], *lines[2:]] for lines in split if len(lines) > 2]


def pick(text: str, columns: list[str], rows: list[str]) -> str:
    """The first table that has these columns and rows, cut to them. Raises: ValueError if there is none."""
    for header, *lines in tables(text):
        named = {line[0]: line for line in lines}
        if set(columns) <= set(header) and set(rows) <= set(named):
            places = [0, *map(header.index, columns)] if columns else range(len(header))
            chosen = [header, ["---"] * len(header), *([named[row] for row in rows] if rows else lines)]
            return "\n".join("| " + " | ".join(line[i] for i in places) + " |" for line in chosen)
    raise ValueError(f"expected a table with the columns {columns} and the rows {rows}, found none")


def fill(markdown: str) -> str:
    """A page with its comments replaced by tables."""

    def table(match):
        columns, rows = ([name for name in cells(part) if name] for part in match.groups()[1:])
        return pick((BENCHMARKS / match.group(1)).read_text(), columns, rows)

    return COMMENT.sub(table, markdown)
