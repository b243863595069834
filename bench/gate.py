"""`python -m bench.gate` compares counts with `gate.json` and fails if one got worse; `--update` writes them anew.

Instructions may grow by 10 %. They are stored as multiples of a reference program's on the same interpreter, because
builds of Python differ. Requests and units may not grow at all.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bench import contestants, costs, instructions, table
from bench.contestants import EVENT, INSIDE, ROOT, Contestant
from bench.run import Run

STORED = Path(__file__).with_name("gate.json")
GROWTH = 1.10
FUNCTIONS = ("AuthorizeFunction", "ExecuteFunction", "JobsFunction", "RunJobFunction", "SettleJobsFunction")

REFERENCE = """
import argparse, asyncio, dataclasses, email.message, http.client, json, logging, unittest, xml.dom.minidom
text = json.dumps([{"a": n, "b": [str(n)] * 10} for n in range(2000)])
for _ in range(20): json.loads(text)
for _ in range(20): sorted(text.split())
"""
WARM_CALLS = 50

type Counts = Mapping[str, float]


def measured() -> dict[str, Counts]:
    """Return the counts of this tree's build."""
    with tempfile.TemporaryDirectory() as folder, table.moto() as server:
        run = Run(Path(folder), 1, server)
        counts = {row.name: row.value for row in costs.rows(run) if row.value is not None}
        return {"instructions": _instructions(run), "requests and units": counts}


def _instructions(run: Run) -> Counts:
    def of(contestant: Contestant, *arguments: str) -> int:
        variables = {**contestant.variables, "PYTHONPATH": f"{contestant.variables['PYTHONPATH']}:{ROOT}"}
        return instructions.of_command([*contestant.interpreter, *arguments], variables)

    ours = run.contestants.interlock()
    own = (str(INSIDE / "own_code.py"), str(EVENT), "calls")
    programs = {"reference": partial(of, ours, "-c", REFERENCE)}
    for name in FUNCTIONS:
        programs[f"import of {name}"] = partial(of, run.contestants.interlock(name), "-c", "import handler")
    for calls in (0, WARM_CALLS):
        programs[f"{calls} calls"] = partial(of, ours, *own, str(calls))
    with ThreadPoolExecutor(2) as pool:
        counts = dict(zip(programs, pool.map(lambda program: program(), programs.values()), strict=True))
    reference = counts.pop("reference")
    none, all_of_them = (counts.pop(f"{calls} calls") for calls in (0, WARM_CALLS))
    counts["own code of 1,000 warm calls"] = (all_of_them - none) * 1000 // WARM_CALLS
    return {name: round(count / reference, 4) for name, count in counts.items()}


def worse(stored: Mapping[str, Counts], now: Mapping[str, Counts]) -> Iterator[str]:
    """Yield a message for each count that grew, and for each that is not stored or not measured."""
    for kind, counts in now.items():
        growth = GROWTH if kind == "instructions" else 1
        before = stored.get(kind, {})
        for name in sorted({*counts, *before}):
            if name not in before or name not in counts:
                yield f"{kind}: {name!r} is {'not stored' if name in counts else 'not measured any more'}"
            elif counts[name] > before[name] * growth:
                yield f"{kind}: {name!r} is {counts[name]:g}, and was {before[name]:g}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if nothing got worse, otherwise 1."""
    parser = argparse.ArgumentParser(prog="python -m bench.gate", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the counts into gate.json")
    options = parser.parse_args(arguments)
    if not instructions.available():
        parser.error("valgrind is not installed")
    if lacking := contestants.missing():
        parser.error(lacking)
    now = measured()
    if options.update:
        STORED.write_text(json.dumps(now, indent=1) + "\n")
        return 0
    messages = list(worse(json.loads(STORED.read_text()), now))
    for message in messages:
        sys.stderr.write(f"{message}\n")
    if messages:
        sys.stderr.write("If that is intended, run `make gate-update` and say why in the commit.\n")
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
