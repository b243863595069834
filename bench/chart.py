"""The chart of the README: cold starts and warm calls of all contestants, as an SVG image and as text."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

PANELS = {"Cold start": "cold start of {}", "Warm call": "warm call of {}"}
LABELS = {
    "interlock": "Interlock",
    "naive_powertools": "Powertools",
    "fastapi_mangum": "FastAPI",
    "flask_apig": "Flask",
    "chalice_app": "Chalice",
}
WIDTH, LABEL, BAR, ROW, GAP, HEAD = 720, 110, 480, 26, 28, 34
STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 }
.peer { fill: #8c959f } .ours { fill: #0969da } .spread { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .peer { fill: #6e7681 } .ours { fill: #4493f8 } .spread { stroke: #e6edf3 }
}
"""

type Results = Sequence[Mapping[str, Any]]


def draw(results: Results) -> str:
    """Return the chart: a panel for cold starts and one for warm calls, with a bar for each contestant."""
    height = len(PANELS) * (HEAD + len(LABELS) * ROW + GAP) - GAP + 8
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    label = f'role="img" aria-label="{escape(alternative(results))}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {label}>', f"<style>{STYLE}</style>"]
    for number, (title, pattern) in enumerate(PANELS.items()):
        top = number * (HEAD + len(LABELS) * ROW + GAP)
        parts.append(f'<text class="title" x="0" y="{top + 20}">{title}, milliseconds (median, quartiles)</text>')
        parts.extend(_panel(_by_name(results), pattern, top + HEAD))
    return "\n".join([*parts, "</svg>", ""])


def _panel(rows: Mapping[str, Mapping[str, Any]], pattern: str, top: int) -> Iterator[str]:
    found = {name: rows[pattern.format(name)] for name in LABELS}
    scale = BAR / max(max(row["value"], *(row["spread"] or ())) for row in found.values())
    for number, (name, row) in enumerate(found.items()):
        y = top + number * ROW
        length, middle = row["value"] * scale, y + ROW / 2 - 2
        kind = "ours" if name == "interlock" else "peer"
        yield f'<text x="{LABEL - 8}" y="{middle + 5:g}" text-anchor="end">{LABELS[name]}</text>'
        yield f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{length:.1f}" height="{ROW - 6}" rx="2"/>'
        end = length
        if row["spread"]:
            first, third = (LABEL + value * scale for value in row["spread"])
            yield f'<line class="spread" x1="{first:.1f}" x2="{third:.1f}" y1="{middle:g}" y2="{middle:g}"/>'
            end = max(end, third - LABEL)
        yield f'<text x="{LABEL + end + 8:.1f}" y="{middle + 5:g}">{row["value"]:g}</text>'


def alternative(results: Results) -> str:
    """Return the chart as a sentence for each panel."""
    rows = _by_name(results)
    sentences = []
    for title, pattern in PANELS.items():
        values = (f"{label} {rows[pattern.format(name)]['value']:g} ms" for name, label in LABELS.items())
        sentences.append(f"{title}: {', '.join(values)}.")
    return " ".join(sentences)


def _by_name(results: Results) -> dict[str, Mapping[str, Any]]:
    return {row["name"]: row for row in results}
