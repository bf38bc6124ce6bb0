"""The parts that a page is made of: one HTML file that asks for nothing else, every text escaped."""

import base64
import string
from html import escape as escaped

from emohrnet_tf.files import printable

MADE_BY = '<meta name="generator" content="emohrnet_tf report">'  # in every page, and known by it

# The policy lets the page load nothing and run nothing, whatever stands in the texts.
DOCUMENT = string.Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
$made_by
<title>$title</title>
<style>
:root { color-scheme: light; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
body { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; color: #1c1c1c; background: #fff; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; padding-top: .6rem; border-top: 2px solid #1c1c1c; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { max-width: 46rem; margin: .4rem 0 .8rem; overflow-wrap: anywhere; }
.lead { color: #444; }
.note { border-left: 4px solid #d55e00; padding: .3rem .8rem; background: #fdf3ec; }
.figures { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0; padding: 0; list-style: none; }
.figures li { flex: 1 1 9rem; border: 1px solid #ccc; border-radius: 6px; padding: .5rem .8rem; }
.figures b { display: block; font-size: 1.55rem; line-height: 1.3; }
.figures span { display: block; font-size: .82rem; color: #444; }
.table { overflow-x: auto; margin: .4rem 0 1rem; }
table { border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: #444; padding-bottom: .2rem; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd; vertical-align: top; }
thead th { border-bottom: 1px solid #1c1c1c; vertical-align: bottom; }
th:first-child { text-align: left; font-weight: 600; }
.words td { text-align: left; overflow-wrap: anywhere; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
figure { margin: .4rem 0; max-width: 100%; }
figure img { max-width: 100%; max-height: 31rem; width: auto; height: auto; }
figcaption { font-size: .82rem; color: #444; max-width: 34rem; }
@media print {
  :root { font-size: 10.5px; }
  body { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; }
  figure, tr, .figures li, .note { break-inside: avoid; }
  .pictures { display: block; }
  .pictures figure { display: inline-block; margin-right: .6rem; }
  figure img { max-height: 8.5cm; }
  .table { overflow: visible; }
  th, td { padding: .12rem .45rem; }
  @page { margin: 1.6cm; }
}
</style>
</head>
<body>
$body
</body>
</html>
""")


def text(value):
    """Any value as text of a page."""
    return escaped(printable(value))


def paragraph(words, kind=None):
    return f"<p{_class(kind)}>{text(words)}</p>"


def heading(words, level=2):
    return f"<h{level}>{text(words)}</h{level}>"


def table(head, rows, kind=None):
    """A table of strings; the first column names the rows."""
    lines = ["".join(f'<th scope="col">{text(cell)}</th>' for cell in head)]
    for first, *cells in rows:
        cells = (text(cell).replace(" %", "\N{NO-BREAK SPACE}%") for cell in cells)
        lines.append(f'<th scope="row">{text(first)}</th>' + "".join(f"<td>{cell}</td>" for cell in cells))
    top, *rest = (f"<tr>{line}</tr>" for line in lines)
    return f'<div class="table"><table{_class(kind)}><thead>{top}</thead><tbody>{"".join(rest)}</tbody></table></div>'


def parts(found):
    """Parts of `evaluation.report`: tables, and paragraphs."""
    return "\n".join(paragraph(part) if isinstance(part, str) else table(*part) for part in found)


def picture(file, caption):
    """An SVG or PNG file within the page."""
    kind = "svg+xml" if file.suffix == ".svg" else "png"
    data = base64.b64encode(file.read_bytes()).decode("ascii")
    image = f'<img src="data:image/{kind};base64,{data}" alt="{text(caption)}">'
    return f"<figure>{image}<figcaption>{text(caption)}</figcaption></figure>"


def pictures(found):
    return f'<div class="pictures">{"".join(found)}</div>' if found else ""


def figures(found):
    """`(name, value, what of it)` of the figures that a reader looks for first."""
    items = (f"<li>{text(name)}<b>{text(value)}</b><span>{text(more)}</span></li>" for name, value, more in found)
    return f'<ul class="figures">{"".join(items)}</ul>'


def document(title, body):
    """The page as text."""
    return DOCUMENT.substitute(title=text(title), body="\n".join(filter(None, body)), made_by=MADE_BY)


def _class(kind):
    return f' class="{kind}"' if kind else ""
