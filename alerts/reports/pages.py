"""A report on paper: sections of rows, as lines for a terminal or as one page of HTML. All text is escaped there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from unicodedata import east_asian_width

from alerts.texts import Language


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, rows of cells under columns, and lines below them. Cells are clean text."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Paper:
    """A whole report in one language."""

    language: Language
    title: str
    lines: tuple[str, ...]
    sections: tuple[Section, ...]


def as_text(paper: Paper) -> str:
    """Write lines of a terminal, columns one under the other.

    >>> section = Section("事件", ("级别", "数"), (("红色", "1"), ("黄", "12")))
    >>> print(as_text(Paper("zh", "周报", ("首行",), (section,))))
    周报
    首行
    <BLANKLINE>
    事件
      级别  数
      红色  1
      黄    12
    """
    lines = [paper.title, *paper.lines]
    for section in paper.sections:
        lines += ["", section.title, *_table(section), *(f"  {note}" for note in section.notes)]
    return "\n".join(lines)


def _table(section: Section) -> list[str]:
    table = [section.columns, *section.rows] if section.rows else []
    widths = [max(map(_width, cells)) for cells in zip(*table, strict=True)]
    return [
        "  " + "  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def _width(text: str) -> int:
    """Count the columns of a terminal that a text takes: Chinese signs take two."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


_STYLE = """\
body{font:15px/1.5 system-ui,"Noto Sans SC","PingFang SC","Microsoft YaHei",sans-serif;color:#1c2430;max-width:72em;\
margin:2.5em auto;padding:0 1.5em}
h1{font-size:1.7em;margin:0 0 .2em;border-bottom:3px solid #c0392b;padding-bottom:.2em}
h2{font-size:1.1em;margin:1.8em 0 .4em}
p{color:#5a6675;margin:.2em 0}
table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:600;color:#5a6675;border-bottom:1.5px solid #aab3bf}
th,td{padding:.28em .8em .28em 0;vertical-align:top;overflow-wrap:break-word}
td{border-bottom:1px solid #e4e8ed;white-space:pre-wrap;font-variant-numeric:tabular-nums}
@media print{body{margin:0;max-width:none;font-size:11px}h2{break-after:avoid}tr{break-inside:avoid}}
"""


def as_html(paper: Paper) -> str:
    """Write one page that needs nothing else, and prints well."""
    parts = [
        "<!doctype html>",
        f'<html lang="{"zh-CN" if paper.language == "zh" else "en"}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{escape(paper.title)}</title><style>\n{_STYLE}</style></head><body>",
        f"<h1>{escape(paper.title)}</h1>",
        *(f"<p>{escape(line)}</p>" for line in paper.lines),
    ]
    for section in paper.sections:
        parts.append(f"<h2>{escape(section.title)}</h2>")
        if section.rows:
            parts += [f"<table><thead>{_cells(section.columns, 'th')}</thead><tbody>"]
            parts += [_cells(row, "td") for row in section.rows]
            parts.append("</tbody></table>")
        parts += [f"<p>{escape(note)}</p>" for note in section.notes]
    return "\n".join([*parts, "</body></html>"])


def _cells(row: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"
