"""Schemathesis finds no response that the OpenAPI document does not describe."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock_dev.stack.client import Client, local_stack
from tests.exhaustive.schemathesis_run import fuzz
from tests.volume import volume

EXAMPLES = volume(sample=3, full=200)
LEAST_CASES = volume(sample=100, full=2000)
# The phase "coverage", the boundaries of each parameter, takes longer than the others together.
PHASES = ("examples", *volume(sample=(), full=("coverage",)), "fuzzing", "stateful")
ANSWERED = {200, 202, 400, 401, *volume(sample=(), full=(404, 405, 409))}

ROOT = Path(__file__).parents[2]
SPECIMEN = ROOT / "tests" / "stack" / "plugins" / "specimen.py"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client of a local stack that holds the jobs of this test only."""
    with local_stack(ROOT, tmp_path / "stack.log", "--plugin", str(SPECIMEN)) as (client, _):
        yield client


@pytest.mark.timeout(volume(sample=300, full=1800))
def test_responses_match_the_openapi_document(client: Client, tmp_path: Path) -> None:
    found = fuzz(client, tmp_path, examples=EXAMPLES, phases=PHASES)
    assert found.exit_status == 0, found.report
    assert found.server_errors == 0, found.report
    assert found.statuses.total() >= LEAST_CASES, found.statuses
    # Each phase has run, and executing has created jobs.
    for phase in PHASES:
        assert f"✅ {phase.capitalize()}" in found.report, found.report
    assert found.statuses.keys() >= ANSWERED
