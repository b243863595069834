"""The properties of the state machine of batches that the service relies on."""

from interlock.domain.batch import MAX_ITEMS
from tests.pure.repository.state_machines import BATCH, STATES, function_of


def test_items_of_a_batch_run_like_other_jobs() -> None:
    """The states are the same, except that an item waits and is tried again while its API key has reached its limit."""
    items = BATCH["States"]["RunItems"]["ItemProcessor"]["States"]
    differing = {"ResultSelector", "ResultPath", "Next", "End"}
    for name in STATES:
        ours, theirs = ({key: one[key] for key in one if key not in differing} for one in (items[name], STATES[name]))
        assert ours == theirs
    assert items["IsPending"]["Choices"] == [
        {"Variable": "$.run.status", "StringEquals": "pending", "Next": "LetSlotBecomeFree"}
    ]
    assert items["LetSlotBecomeFree"]["Next"] == "RunJob"


def test_failed_items_fail_no_batch_and_have_no_output() -> None:
    """The table stores statuses and results. Step Functions limits the outputs of all items together to 256 KiB."""
    run = BATCH["States"]["RunItems"]
    assert run["ToleratedFailureCount"] == MAX_ITEMS
    ends = [state for state in run["ItemProcessor"]["States"].values() if state.get("End")]
    assert [state["OutputPath"] for state in ends] == [None]


def test_batch_ends_when_finish_batch_returns_finished() -> None:
    [choice] = BATCH["States"]["HasBatchFinished"]["Choices"]
    assert (choice["Variable"], choice["BooleanEquals"]) == ("$.end.finished", True)
    assert BATCH["States"]["HasBatchFinished"]["Default"] == "LetJobsStop"
    assert BATCH["States"]["LetJobsStop"]["Next"] == "FinishBatch"


def test_tasks_of_a_batch_are_repeated_and_outlast_their_functions() -> None:
    for name in ("PrepareBatch", "FinishBatch"):
        task = BATCH["States"][name]
        assert task["TimeoutSeconds"] > function_of(task, "BatchWorkflow")["Timeout"]
        assert [retry["ErrorEquals"] for retry in task["Retry"]] == [["States.ALL"]]
