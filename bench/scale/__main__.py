"""`make scale`: print the tables of docs/scale.md, with those of the simulation, and write them into the page.

With `--check` nothing is written, and the exit code is 1 if the page differs. It is also 1 if the simulation meets
another limit first than the arithmetic.
"""

import sys
from itertools import groupby

from bench.scale import limits, page
from bench.scale.jobs import KINDS, Kind
from bench.scale.quotas import SETTINGS, Setting
from bench.scale.simulation import simulate

BELOW, ABOVE = 0.8, 1.2


def simulation() -> str:
    """Return what the simulation measures at given rates; rates with the same figures share a row."""
    rows = []
    for setting in SETTINGS:
        for kind in KINDS:
            figures = [(rate, measured(kind, setting, rate)) for rate in page.RATES]
            for same, group in groupby(figures, key=lambda figure: figure[1]):
                rates = [f"{rate:,}" for rate, _ in group]
                span = rates[0] if len(rates) == 1 else f"{rates[0]} to {rates[-1]}"
                rows.append((setting.name, kind.name, span, *same))
    return page.table(("setting", "job", "jobs/s", "limits met, in order", "done", "wait, p99", "iterator age"), rows)


def measured(kind: Kind, setting: Setting, rate: float) -> tuple[str, ...]:
    """Return the figures of one simulation."""
    result = simulate(kind, setting, rate)
    met = ", ".join(result.met[:3]) or "-"
    return met, f"{result.done / result.offered:.0%}", f"{result.wait_s:.1f} s", f"{result.iterator_age_s:.0f} s"


def disagreements() -> list[str]:
    """Return the cases in which the simulation meets a limit too early, or another one first than the arithmetic."""
    found = []
    for setting in SETTINGS:
        for kind in KINDS:
            expected = limits.first(kind, setting)
            below = simulate(kind, setting, BELOW * expected.rate).first
            above = simulate(kind, setting, ABOVE * expected.rate).first
            if below is not None or above != expected.name:
                found.append(f"{setting.name}, {kind.name}: {expected.name} expected, {below} below it, {above} above")
    return found


def main(*, check: bool) -> int:
    """Print the tables, write or compare the page, and compare simulation and arithmetic."""
    texts = {**page.computed(), "simulation": simulation()}
    wrong = disagreements()
    now = page.PAGE.read_text()
    drawn = page.drawn(now, texts)
    if not check:
        print("".join(f"{name}\n\n{text}\n" for name, text in texts.items()))  # noqa: T201 - the answer
        page.PAGE.write_text(drawn)
    elif drawn != now:
        wrong.append("docs/scale.md is stale: run make scale")
    print("\n".join(wrong) or "The simulation meets the first limit of the arithmetic in every setting.")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
