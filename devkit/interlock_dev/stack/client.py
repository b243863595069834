"""A client of the HTTP API and a local stack to call, for the demo, the bench and the tests."""

import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import requests

from interlock_dev.project.processes import guarded

FINAL = frozenset({"succeeded", "failed", "timed_out", "cancelled"})
COUNTS = ("success_count", "error_count", "timed_out_count", "cancelled_count")
"""The counters of finished jobs in a plugin's health."""

POLL_S, LONGEST_POLL_S = 0.2, 0.5
"""Pause in seconds between the first polls, and the longest pause."""
COUNTED_POLL_S = 0.5
"""Seconds between polls of counters, which are gathered for a second."""
HTTP_TIMEOUT_S = 60
STOP_LIMIT_S = 30


class StackFailed(Exception):
    """The local stack did not start, or did not end. The message contains the end of its log."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response with its JSON body."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def code(self) -> str | None:
        """The code of an error envelope, or None."""
        error = self.body.get("error")
        return error["code"] if isinstance(error, dict) else None


class Client:
    """A client with an API key. It is thread-safe."""

    def __init__(self, url: str, api_key: str) -> None:
        self.url = url
        self.api_key = api_key

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request and return the response, whatever its status."""
        answer = requests.request(
            method,
            self.url + path,
            json=body,
            headers={"X-API-Key": self.api_key, **(headers or {})},
            timeout=HTTP_TIMEOUT_S,
        )
        return Answer(answer.status_code, answer.headers, answer.json())

    def execute(self, plugin: str, tool: str | None, input: Mapping[str, Any], **more: Any) -> Answer:
        """Run a tool synchronously."""
        return self.call("POST", "/v1/execute", _request(plugin, tool, input, more))

    def submit(self, plugin: str, tool: str | None, input: Mapping[str, Any], **more: Any) -> str:
        """Submit an asynchronous job and return its id. Raise AssertionError unless it was accepted."""
        answer = self.call("POST", "/v1/execute", _request(plugin, tool, input, more), {"Prefer": "respond-async"})
        if answer.status != 202:
            raise AssertionError(f"{answer.status}: {answer.body}")
        job_id: str = answer.body["job_id"]
        return job_id

    def job(self, job_id: str) -> dict[str, Any]:
        """Read a job. Raise AssertionError unless it exists."""
        answer = self.call("GET", f"/v1/jobs/{job_id}")
        if answer.status != 200:
            raise AssertionError(f"{answer.status}: {answer.body}")
        return answer.body

    def until(
        self, job_id: str, condition: Callable[[dict[str, Any]], bool], *, within_s: float = 60
    ) -> dict[str, Any]:
        """Poll a job until the condition holds. Raise TimeoutError with the job's last state."""
        return _poll(lambda: self.job(job_id), condition, within_s)

    def until_final(self, job_id: str, *, within_s: float = 60) -> dict[str, Any]:
        """Poll a job until it has finished."""
        return self.until(job_id, lambda job: job["status"] in FINAL, within_s=within_s)

    def until_counted(self, plugin: str, finished: int, *, within_s: float = 30) -> dict[str, Any]:
        """Poll a plugin's health until its counters include this many finished jobs. Raise TimeoutError."""
        return _poll(
            lambda: self.call("GET", f"/v1/plugins/{plugin}/health").body,
            lambda health: sum(health[count] for count in COUNTS) == finished,
            within_s,
            COUNTED_POLL_S,
        )


def _poll(
    read: Callable[[], dict[str, Any]],
    condition: Callable[[dict[str, Any]], bool],
    within_s: float,
    pause_s: float = POLL_S,
) -> dict[str, Any]:
    """Read until the condition holds, with growing pauses: each read takes the stack 30 ms of processor time. A request
    that waits on the server would occupy one of its environments."""
    deadline = time.monotonic() + within_s
    while not condition(found := read()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {within_s} s: {found}")
        time.sleep(pause_s)
        pause_s = min(LONGEST_POLL_S, pause_s * 1.3)
    return found


def _request(plugin: str, tool: str | None, input: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    named = {} if tool is None else {"tool": tool}
    return {"plugin": plugin, **named, "input": input, **more}


@contextmanager
def local_stack(
    root: Path, log: Path, *options: str, program: Sequence[str] = ("-m", "interlock_dev.commands.cli")
) -> Iterator[tuple[Client, subprocess.Popen[str]]]:
    """Run `interlock dev` in a child process on a free port with a random key, and stop it at the end. It also ends
    with the calling thread. Its log goes to a file. `program` are Python's arguments that run `interlock`. Raise
    `StackFailed` if it does not start or end."""
    key = secrets.token_hex(16)
    command = [sys.executable, *program, "dev", "--port", "0", "--api-key", key, *options]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors:
        # Linux distributes processor time by session, and each execution environment has one.
        process = subprocess.Popen(
            guarded(command) if sys.platform == "linux" else command,
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    try:
        yield Client(_ready_url(process.stdout, log), key), process
    finally:
        _end(process, log)


def _end(process: subprocess.Popen[str], log: Path) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        # On SIGABRT, the stack logs what each of its threads is doing.
        process.send_signal(signal.SIGABRT)
        process.wait()
        raise StackFailed(f"the local stack did not end: {log.read_text()[-8000:]}") from None


def _ready_url(stream: IO[str] | None, log: Path) -> str:
    line = stream.readline() if stream else ""
    if not line.startswith("ready "):
        raise StackFailed(f"the local stack did not start: {log.read_text()[-2000:]}")
    return line.split()[1]
