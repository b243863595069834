"""`python -m bench.publish` writes `results.json` into the documentation: chart, alternative text and table."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import chart
from bench.chart import Results

FOLDER = Path(__file__).parent
RESULTS, CHART = FOLDER / "results.json", FOLDER / "chart.svg"
README, PAGE = FOLDER.parent / "README.md", FOLDER.parent / "docs" / "benchmarks.md"

_IMAGE = re.compile(r"!\[[^\]]*\]\(bench/chart\.svg\)")
_TABLE = re.compile(r"(?<=<!-- results -->\n\n).*?(?=\n<!-- end -->)", re.DOTALL)


def documents(results: Results) -> dict[Path, str]:
    """Return the text of each file that shows the results."""
    image = f"![{chart.alternative(results)}](bench/chart.svg)"
    return {
        CHART: chart.draw(results),
        README: _IMAGE.sub(lambda _: image, README.read_text()),
        PAGE: _TABLE.sub(lambda _: table(results), PAGE.read_text()),
    }


def table(results: Results) -> str:
    """Return the results as a table in Markdown."""
    rows = ["| figure | value | target | spread |", "|---|---|---|---|", *map(_line, results)]
    return "".join(f"{row}\n" for row in rows)


def _line(row: Mapping[str, Any]) -> str:
    unit = "" if row["unit"] == "ratio" else f" {row['unit']}"
    value = "not measured" if row["value"] is None else f"{_text(row['value'])}{unit}"
    target = "" if row["target"] is None else f"{'✓' if row['met'] else '✗'} ≤ {_text(row['target'])}"
    spread = "" if row["spread"] is None else " to ".join(map(_text, row["spread"]))
    name = f"{row['name']} ({row['note']})" if "note" in row else row["name"]
    return f"| {name} | {value} | {target} | {spread} |"


def _text(value: float) -> str:
    return f"{value:g}" if value < 1000 else f"{value:,.0f}"


def main() -> int:
    """Write the files, and return 0."""
    for file, text in documents(json.loads(RESULTS.read_text())).items():
        file.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
