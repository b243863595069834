"""The table calls of a run, counted where they arrive: one for a short run, otherwise two plus one per second."""

from itertools import pairwise

import pytest

from interlock_dev.stack.client import Client
from tests.stack.hand import Hand, Seen

pytestmark = pytest.mark.xdist_group("heartbeat")

ONCE = CLAIM = "PutItem"
BEAT = END = "UpdateItem"
TRIES = 20


def calls(client: Client, hand: Hand, tool: str, **input: object) -> list[Seen]:
    """Return the table calls of a synchronous run."""
    answer = client.execute("lingering", tool, {name: str(value) for name, value in input.items()})
    assert answer.status == 200, answer.body
    return hand.seen(answer.body["job_id"])


def test_a_run_shorter_than_the_claim_delay_costs_one_table_call(client: Client, hand: Hand) -> None:
    for _ in range(TRIES):
        seen = calls(client, hand, "echo")
        if len(seen) == 1:  # else the machine was busy, and the claim was due
            assert seen[0].what == ONCE
            return
    raise AssertionError("no run was shorter than the claim delay")


@pytest.mark.parametrize("tool", ["for_seconds", "tells_progress_for_seconds"])
def test_a_run_costs_one_table_call_a_second_with_or_without_progress(client: Client, hand: Hand, tool: str) -> None:
    """Lease, progress and the check for a cancel share one call."""
    claim, *beats, end = seen = calls(client, hand, tool, way=3.5)
    assert (claim.what, end.what) == (CLAIM, END)
    assert {beat.what for beat in beats} == {BEAT}
    assert all(later.at - earlier.at >= 1 for earlier, later in pairwise(seen[:-1]))
    took_s = seen[-1].at - seen[0].at
    assert 2 <= len(beats) < took_s
