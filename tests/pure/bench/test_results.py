"""Rows of the bench, the chart of its results, and the regression gate."""

import json
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import chart, gate, publish
from bench.rows import Row, interleaved, of_rounds, ratios, write

RESULTS = json.loads(publish.RESULTS.read_text())


def test_row_of_rounds_has_median_and_quartiles() -> None:
    row = of_rounds("cold", [3.0, 1.0, 2.0, 5.0, 4.0], "ratio", 3.0)
    assert (row.value, row.spread, row.met) == (3.0, (2.0, 4.0), True)


@pytest.mark.parametrize(
    ("value", "target", "met"), [(1.0, 1.0, True), (1.1, 1.0, False), (1.0, None, None), (None, 1.0, None)]
)
def test_target_is_the_highest_value_that_meets_it(value: float | None, target: float | None, met: bool | None) -> None:
    assert Row("figure", value, "ratio", target).met is met


def test_written_rows_have_the_documented_fields(tmp_path: Path) -> None:
    write([of_rounds("cold", [0.123456, 0.2], "ratio", 1.0), Row("units", 1234.5, "units")], tmp_path / "results.json")
    assert json.loads((tmp_path / "results.json").read_text()) == [
        {"name": "cold", "value": 0.162, "unit": "ratio", "target": 1.0, "met": True, "spread": [0.143, 0.181]},
        {"name": "units", "value": 1234, "unit": "units", "target": None, "met": None, "spread": None},
    ]


def test_rounds_are_interleaved_in_rotating_order() -> None:
    order: list[str] = []

    def call(name: str) -> float:
        order.append(name)
        return len(order)

    measured = interleaved({name: partial(call, name) for name in "abc"}, 2)
    assert "".join(order) == "abcbca"
    assert ratios(measured["a"], measured["b"]) == [1 / 2, 6 / 4]


def test_documents_show_the_committed_results() -> None:
    for file, text in publish.documents(RESULTS).items():
        assert file.read_text() == text, f"run `python -m bench.publish`: {file.name} shows other results"


def test_chart_has_its_alternative_text() -> None:
    assert ET.fromstring(chart.draw(RESULTS)).attrib["aria-label"] == chart.alternative(RESULTS)


def test_readme_shows_the_chart_with_its_alternative_text() -> None:
    assert f"![{chart.alternative(RESULTS)}](bench/chart.svg)" in publish.README.read_text()


def test_page_has_a_line_for_each_result() -> None:
    lines = publish.PAGE.read_text().splitlines()
    assert all(any(line.startswith(f"| {row['name']} ") for line in lines) for row in RESULTS)


def test_gate_accepts_instructions_within_ten_percent() -> None:
    stored, now = {"instructions": {"import": 1.0}}, {"instructions": {"import": 1.099}}
    assert not list(gate.worse(stored, now))


@pytest.mark.parametrize(
    ("kind", "stored", "now", "message"),
    [
        ("instructions", {"import": 1.0}, {"import": 1.11}, "'import' is 1.11, and was 1"),
        ("requests and units", {"short": 1.0}, {"short": 2.0}, "'short' is 2, and was 1"),
        ("requests and units", {}, {"short": 2.0}, "'short' is not stored"),
        ("requests and units", {"short": 2.0}, {}, "'short' is not measured any more"),
    ],
)
def test_gate_reports_counts_that_grew(
    kind: str, stored: dict[str, float], now: dict[str, float], message: str
) -> None:
    assert list(gate.worse({kind: stored}, {kind: now})) == [f"{kind}: {message}"]
