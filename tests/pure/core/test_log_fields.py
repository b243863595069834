"""The fields of the function's log: request, caller, job, and cold start."""

import json
import logging
from collections.abc import Iterator
from itertools import count

import pytest

from interlock import log_fields
from tests.fakes.sandbox import Run
from tests.fakes.world import World


class Recorder(logging.Handler):
    """A handler that keeps the records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Yield a handler like that of Lambda's runtime, in a process that has just started."""
    monkeypatch.setattr(log_fields, "_invocations", count())
    handler = Recorder()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def test_records_of_a_run_name_request_caller_and_job(recorder: Recorder, world: World) -> None:
    log_fields.install()

    def logs(run: Run) -> object:
        logging.getLogger("anything").error("in the run")
        return world_script(run)

    world_script = world.sandbox.script
    world.sandbox.script = logs  # type: ignore[assignment]
    job_id = world.execute().body["job_id"]
    world.execute()
    first, second = recorder.records
    found = {name: vars(first)[name] for name in ("request_id", "tenant", "key_id", "plugin", "tool", "cold_start")}
    assert found == {
        "request_id": "request",
        "tenant": "acme",
        "key_id": "key",
        "plugin": "echo",
        "tool": "say",
        "cold_start": True,
    }
    assert vars(first)["job_id"] == job_id
    assert vars(second)["cold_start"] is False


def test_fields_of_a_request_are_not_those_of_the_next(recorder: Recorder, world: World) -> None:
    log_fields.install()
    world.execute()
    world.request("GET", "/v1/jobs", tenant="rival", key_id="other")
    logging.getLogger("anything").error("after both")
    [record] = recorder.records
    assert (vars(record)["tenant"], vars(record)["key_id"]) == ("rival", "other")
    assert not {"job_id", "plugin"} & vars(record).keys()


def test_fields_of_a_record_itself_stay(recorder: Recorder) -> None:
    log_fields.install()
    log_fields.begin(job_id="of the process", tenant=None)
    logging.getLogger("anything").error("x", extra={"job_id": "its own"})
    [record] = recorder.records
    assert vars(record)["job_id"] == "its own"
    assert "tenant" not in vars(record)


def test_published_execution_has_the_fields(capsys: pytest.CaptureFixture[str]) -> None:
    from interlock.adapters.cloudwatch_emf import EmbeddedMetrics
    from interlock.domain.job_status import JobStatus

    log_fields.begin(job_id="01J", tenant="acme")
    EmbeddedMetrics().execution("ocr", "analyze", JobStatus.SUCCEEDED, 1.0)
    published = json.loads(capsys.readouterr().out)
    assert (published["job_id"], published["tenant"], published["plugin"]) == ("01J", "acme", "ocr")
