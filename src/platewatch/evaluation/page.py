"""Pages that need no other file: their style, and the parts they are made of."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, sans-serif; color: #1c1c1c; background: #fff; margin: 0 auto; padding: 1rem;
       max-width: 46rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin-bottom: .25rem; }
h2 { font-size: 1.2rem; margin-top: 2.4rem; }
.lead { font-size: 1.1rem; }
.quiet, figcaption { color: #555; font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .35rem .5rem; border-bottom: 1px solid #ddd; vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #888; font-size: .9rem; }
tr.strong td { font-weight: 600; }
td small { color: #555; font-weight: 400; display: block; }
figure { margin: 1rem 0; }
figure svg { width: 100%; height: auto; max-width: 36rem; display: block; margin: 0 auto; }
li { margin: .3rem 0; }
@media (max-width: 36rem) { table { font-size: .85rem; } th, td { padding: .35rem .2rem; }
  td:first-child { overflow-wrap: anywhere; } }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """An HTML document of these parts, without the empty ones."""
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def figure(svg: str, caption: str) -> str:
    """An SVG document drawn in the page; the caption is HTML."""
    drawing = svg[svg.index("<svg") :]  # without the XML declaration, which HTML does not have
    return f"<figure>{drawing}<figcaption>{caption}</figcaption></figure>"


def table(heads: Iterable[str], rows: Iterable[str]) -> str:
    """A table of rows as `row` makes them, which scrolls where it is too wide."""
    head = "".join(f"<th>{escape(h)}</th>" for h in heads)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def row(*cells: str, strong: bool = False) -> str:
    """A row of a table; its cells are HTML."""
    kind = ' class="strong"' if strong else ""
    return f"<tr{kind}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
