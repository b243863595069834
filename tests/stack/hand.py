"""Observe and control the calls between the services of a stack that runs watched_stack.py."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3

from interlock.domain.job_id import random_part
from interlock_dev.project.paths import Project

PROGRAM = Path(__file__).with_name("watched_stack.py")
LIMIT_S = 30
_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class Seen:
    """An observed call: `at` is the time in seconds on this machine's monotonic clock."""

    at: float
    job_id: str
    what: str


class Hand:
    """Observes the calls in a stack that serves `project`, and can hold or reject some."""

    def __init__(self, folder: Path, project: Path) -> None:
        self._folder = folder
        self._project = Project(project)

    def seen(self, job_id: str) -> list[Seen]:
        """Return the calls for a job: table calls by operation, and `held`, `refused` or `returned` for invocations of
        the workflow's task."""
        lines = (self._folder / "seen").read_text().rpartition("\n")[0].splitlines()  # complete lines only
        return [Seen(**json.loads(line)) for line in lines if random_part(job_id) in line]

    def wait_for(self, job_id: str, what: str) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not any(one.what == what for one in self.seen(job_id)):
            assert time.monotonic() < deadline, f"not {what}: {self.seen(job_id)}"
            time.sleep(_PAUSE_S)

    @contextmanager
    def keeps(self, how: str) -> Iterator[None]:
        """In this context, the workflow's tasks do not run: `hold` delays them, `refuse` throttles them."""
        sign = self._folder / how
        sign.touch()
        try:
            yield
        finally:
            sign.unlink()

    def execution_status(self, job_id: str) -> str:
        """Return the status of a job's execution."""
        stack = self._project.running()
        assert stack is not None
        client = boto3.client(
            "stepfunctions", endpoint_url=stack.aws_endpoint_url, region_name="us-east-1",
            aws_access_key_id=stack.access_key.id, aws_secret_access_key=stack.access_key.secret,
        )  # fmt: skip
        arn = stack.workflow_arn.replace(":stateMachine:", ":execution:")
        return client.describe_execution(executionArn=f"{arn}:{job_id}")["status"]
