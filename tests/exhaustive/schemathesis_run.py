"""Run Schemathesis against a local stack and count the statuses of the responses."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock_dev.stack.client import Client

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / ".tools/schemathesis/bin/schemathesis"


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a run: its exit status, its printed report, and how often each status was returned."""

    exit_status: int
    report: str
    statuses: Counter[int]

    @property
    def server_errors(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 500)


def fuzz(client: Client, folder: Path, *, examples: int, phases: Sequence[str]) -> Found:
    """Run these phases on the served document, with the settings of `schemathesis.toml`.

    `examples` limits the cases of each operation and the sequences of several operations. There is no time limit, so
    that a busy machine tests as much."""
    assert COMMAND.exists(), "run: make .tools/schemathesis/.installed"
    events = folder / "events.ndjson"
    done = subprocess.run(
        [
            str(COMMAND), "run", f"{client.url}/v1/openapi.json", "--header", f"X-API-Key: {client.api_key}",
            "--phases", ",".join(phases), "--max-examples", str(examples), "--continue-on-failure",
            "--report-ndjson-path", str(events),
        ],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return Found(done.returncode, done.stdout, Counter(_statuses(events)))


def _statuses(events: Path) -> Iterator[int]:
    """Yield the status of every response in the log."""
    with events.open() as lines:
        for line in lines:
            event: dict[str, Any] = json.loads(line)
            recorder = event.get("ScenarioFinished", {}).get("recorder", {})
            for interaction in recorder.get("interactions", {}).values():
                if interaction["response"] is not None:
                    yield interaction["response"]["status_code"]
