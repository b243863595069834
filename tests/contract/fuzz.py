"""`python -m tests.contract.fuzz EXAMPLES CASES`: Schemathesis against a local stack of its own (`make fuzz`).

It fails unless every check of every phase has passed, on at least CASES cases, with no 5xx at all. It is bounded by
EXAMPLES, of each operation and of journeys through several, and not by time: a busy machine tests no less.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock_dev.local_client import Client, local_stack

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / ".tools/schemathesis/bin/schemathesis"
SPECIMEN = Path(__file__).parent / "specimen.py"


@dataclass(frozen=True, slots=True)
class Found:
    """What a run came to: its exit status, its printed report, and how often each status was answered."""

    exit_status: int
    report: str
    statuses: Counter[int]

    @property
    def server_errors(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 500)


def fuzz(client: Client, folder: Path, *, examples: int) -> Found:
    """Runs every phase on the document as it is served. Its settings are in `schemathesis.toml`."""
    assert COMMAND.exists(), "run: make .tools/schemathesis/.installed"
    events = folder / "events.ndjson"
    done = subprocess.run(
        [
            str(COMMAND), "run", f"{client.url}/v1/openapi.json", "--header", f"X-API-Key: {client.api_key}",
            "--max-examples", str(examples), "--continue-on-failure", "--report-ndjson-path", str(events),
        ],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return Found(done.returncode, done.stdout, Counter(_statuses(events)))


def _statuses(events: Path) -> Iterator[int]:
    """The status of every answer, from the log of what was sent and received."""
    with events.open() as lines:
        for line in lines:
            event: dict[str, Any] = json.loads(line)
            recorder = event.get("ScenarioFinished", {}).get("recorder", {})
            for interaction in recorder.get("interactions", {}).values():
                if interaction["response"] is not None:
                    yield interaction["response"]["status_code"]


def main(examples: int, at_least: int) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with local_stack(ROOT, folder / "stack.log", "--plugin", str(SPECIMEN)) as (client, _):
            found = fuzz(client, folder, examples=examples)
    answered = ", ".join(f"{status}: {count}" for status, count in sorted(found.statuses.items()))
    sys.stdout.write(f"{found.report}\n{found.statuses.total()} answers: {answered}\n")
    if found.statuses.total() < at_least:
        sys.stdout.write(f"That is under {at_least}: give it more examples.\n")
    return int(found.exit_status != 0 or found.server_errors > 0 or found.statuses.total() < at_least)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
