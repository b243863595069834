"""The table calls of a run, counted where they arrive: two, and one a second during the run."""

from itertools import pairwise

import pytest

from interlock_dev.stack.client import Client
from tests.stack.hand import Hand, Seen

pytestmark = pytest.mark.xdist_group("heartbeat")

CLAIM = END = "TransactWriteItems"
BEAT = "UpdateItem"
TRIES = 20


def calls(client: Client, hand: Hand, tool: str, **input: object) -> list[Seen]:
    """Return the table calls of a synchronous run, from its claim to its end."""
    answer = client.execute("lingering", tool, {name: str(value) for name, value in input.items()})
    assert answer.status == 200, answer.body
    seen = hand.seen(answer.body["job_id"])
    assert (seen[0].what, seen[-1].what) == (CLAIM, END)
    return seen


def test_a_run_under_a_second_costs_its_claim_and_its_end(client: Client, hand: Hand) -> None:
    for _ in range(TRIES):
        seen = calls(client, hand, "echo")
        if seen[-1].at - seen[0].at < 1:  # else the machine was busy, and a heartbeat due
            assert len(seen) == 2
            return
    raise AssertionError("no run took less than a second")


@pytest.mark.parametrize("tool", ["for_seconds", "tells_progress_for_seconds"])
def test_a_run_costs_one_table_call_a_second_with_or_without_progress(client: Client, hand: Hand, tool: str) -> None:
    """Lease, progress and the check for a cancel share one call."""
    _, *beats, _ = seen = calls(client, hand, tool, way=3.5)
    assert {beat.what for beat in beats} == {BEAT}
    assert all(later.at - earlier.at >= 1 for earlier, later in pairwise(seen[:-1]))
    took_s = seen[-1].at - seen[0].at
    assert 2 <= len(beats) < took_s
