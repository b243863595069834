"""Schemathesis finds nothing: a short run of it. `make fuzz` is the long one."""

from pathlib import Path

import pytest

from interlock_dev.local_client import Client
from tests.contract.fuzz import fuzz

EXAMPLES = 15

pytestmark = pytest.mark.xdist_group("contract")


@pytest.mark.timeout(300)
def test_the_service_is_as_its_document_says(client: Client, tmp_path: Path) -> None:
    found = fuzz(client, tmp_path, examples=EXAMPLES)
    assert found.exit_status == 0, found.report
    assert found.server_errors == 0, found.report
    # Each phase has run, and executing has led to jobs.
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in found.report, found.report
    assert min(found.statuses[status] for status in (200, 202, 400, 401, 404, 405, 409)) > 0
