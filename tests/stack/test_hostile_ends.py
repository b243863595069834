"""Tools whose process dies, or that never return."""

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from interlock_dev.stack.client import Answer, Client
from tests.stack.conftest import SlowSetup
from tests.stack.outside import Family, family, kill_runtime, kill_zygote, kill_zygotes_group, struck
from tests.stack.test_cancel import gone

pytestmark = pytest.mark.xdist_group("hostile-ends")

type Fails = Callable[..., dict[str, Any]]
type Slow = Callable[[str], tuple[Answer, Answer]]

ENDLESS = (
    # These end when SIGTERM is raised in them.
    *("sleeps", "python_loop", "regular_expression", "lock_of_its_own", "lock_of_logging", "becomes_another_program"),
    # A result that arrives after the timeout is discarded.
    "answers_late",
    # These are killed.
    *("loop_in_c", "deadlock_in_c", "swallows_cancelled", "ignores_sigterm", "blocks_sigterm", "cleans_up_for_ever"),
    "stops_itself",
    # It responds into its replaced pipe: no response reaches the supervisor within the timeout.
    "answer_pipe_replaced",
)
AT_ONCE = 3
START_LIMIT_S = 30


@pytest.fixture(scope="module")
def slow(client: Client) -> Iterator[Slow]:
    """The responses of calls that take seconds, each with the response of the next call. They run while the other tests
    of this module do."""

    def call(way: str) -> tuple[Answer, Answer]:
        return client.execute("stuck", "go", {"way": way}), client.execute("stuck", "echo", {"way": way})

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = {way: pool.submit(call, way) for way in ENDLESS}
        yield lambda way: answers[way].result()


@dataclass(frozen=True, slots=True)
class Lost:
    """The response to a call that killed its runtime, and the jobs of that call and of an asynchronous call. These end
    when their leases expire."""

    answer: Answer
    job_ids: tuple[str, str]


@pytest.fixture(scope="module", autouse=True)
def lost(client: Client, slow_setup: SlowSetup, tmp_path_factory: pytest.TempPathFactory) -> Lost:
    """Start the calls before the other tests, which run while leases expire and slow plugins load."""
    folder = tmp_path_factory.mktemp("dying")
    job_ids: list[str] = []

    def strike(family: Family) -> None:
        job_ids.append(running_job(client))
        kill_runtime(family)

    answer = struck(client, folder / "synchronous", strike)
    job_id = client.submit("dying", "waits", {"path": str(folder / "asynchronous")})
    kill_runtime(family(folder / "asynchronous"))
    return Lost(answer, (job_ids[0], job_id))


def running_job(client: Client) -> str:
    """Wait until the claim of the running job is written, and return its id. Its tool already runs."""
    deadline = time.monotonic() + START_LIMIT_S
    while not (jobs := client.call("GET", "/v1/jobs?plugin=dying&tool=waits&status=running").body["jobs"]):
        assert time.monotonic() < deadline, "the job did not start"
    (job,) = jobs
    job_id: str = job["job_id"]
    return job_id


@pytest.mark.parametrize(
    ("way", "details"),
    [
        ("os_exit", {"exit_code": 3}),
        ("os_exit_0", {"exit_code": 0}),
        ("c_exit", {"exit_code": 6}),
        ("exit_in_a_thread", {"exit_code": 5}),
        ("becomes_another_program", {"exit_code": 0}),
        ("abort", {"signal": 6}),
        ("sigkill", {"signal": 9}),
        ("its_group", {"signal": 9}),
        ("null_pointer", {"signal": 11}),
        ("stack_overflow_in_c", {"signal": 11}),
        ("processor_time", {"signal": 9}),
    ],
)
def test_a_process_that_dies_is_a_crash(fails: Fails, way: str, details: dict[str, int]) -> None:
    error = fails("dying", "go", "plugin_crashed", way=way)
    assert (error["type"], error["details"], error["retryable"]) == ("PluginError", details, False)


def test_process_that_sends_itself_sigterm_gets_a_cancelled_exception(fails: Fails) -> None:
    # The job was not cancelled: the exception is like any other.
    assert fails("dying", "go", "plugin_exception", way="sigterm_to_itself")["details"] == {"exception": "Cancelled"}


@pytest.mark.parametrize("strike", [kill_zygote, kill_zygotes_group])
def test_killed_zygote_loses_its_worker(client: Client, tmp_path: Path, strike: Callable[[Family], None]) -> None:
    answer = struck(client, tmp_path / "pid", strike)
    assert (answer.status, answer.code) == (400, "worker_lost")
    error = answer.body["error"]
    assert (error["type"], error["retryable"]) == ("ExecutionError", True)
    assert (client.job(error["job_id"])["status"], client.job(error["job_id"])["error"]) == ("failed", error)
    assert client.execute("dying", "echo", {}).status == 200


def test_a_stopped_zygote_stops_no_other_process(client: Client, tmp_path: Path) -> None:
    def strike(family: Family) -> None:
        os.kill(family.zygote, signal.SIGSTOP)
        (tmp_path / "pid.end").touch()

    answer = struck(client, tmp_path / "pid", strike)
    assert (answer.status, answer.body["result"]["text"]) == (200, "alive")
    # A plugin without a process needs the zygote to fork one.
    assert client.execute("hostile", "os_exit", {}).code == "plugin_crashed"
    assert client.execute("hostile", "echo", {}).status == 200


@pytest.mark.parametrize("way", ENDLESS)
def test_tool_that_never_returns_times_out(client: Client, slow: Slow, way: str) -> None:
    answer, after = slow(way)
    assert (answer.status, answer.code) == (400, "timeout")
    error = answer.body["error"]
    assert (error["type"], error["details"], error["retryable"]) == (
        "ExecutionError",
        {"timeout_s": 1, "limit": "timeout_s"},
        False,
    )
    job = client.job(error["job_id"])
    assert (job["status"], job["error"]) == ("timed_out", error)
    assert (after.status, after.body["status"]) == (200, "succeeded")


@pytest.mark.parametrize("tool", ["waits_for_a_child", "waits_for_a_program"])
def test_tool_waiting_for_a_child_process_times_out(fails: Fails, tool: str) -> None:
    assert fails("stuck", tool, "timeout")["details"] == {"timeout_s": 1, "limit": "timeout_s"}


def test_standard_input_of_a_plugin_is_empty(fails: Fails) -> None:
    assert fails("stuck", "asks_a_human", "plugin_exception")["details"] == {"exception": "EOFError"}


@pytest.mark.parametrize(
    ("plugin", "way", "status", "code"),
    [
        ("raising", "base_exception", "failed", "plugin_exception"),
        ("dying", "null_pointer", "failed", "plugin_crashed"),
        ("stuck", "loop_in_c", "timed_out", "timeout"),
        ("lying", "nan", "failed", "invalid_output"),
    ],
)
def test_an_asynchronous_job_ends_in_the_same_way(
    client: Client, plugin: str, way: str, status: str, code: str
) -> None:
    """The job has one attempt: failures of a plugin are never retried."""
    job_id = client.submit(plugin, "go", {"way": way})
    job = client.until_final(job_id)
    assert (job["status"], job["error"]["code"], job["attempt"]) == (status, code, 1)
    result = client.call("GET", f"/v1/jobs/{job_id}/result")
    assert (result.status, result.body["result"], result.body["error"]) == (200, None, job["error"])
    after = client.until_final(client.submit(plugin, "echo", {}))
    assert after["status"] == "succeeded"


def test_asynchronous_job_with_a_killed_zygote_has_lost_its_worker(client: Client, tmp_path: Path) -> None:
    job_id = client.submit("dying", "waits", {"path": str(tmp_path / "pid")})
    kill_zygote(family(tmp_path / "pid"))
    job = client.until_final(job_id)
    assert (job["status"], job["error"]["code"], job["attempt"]) == ("failed", "worker_lost", 1)
    assert client.until_final(client.submit("dying", "echo", {}))["status"] == "succeeded"


def test_killing_the_runtime_costs_its_call_a_503_and_nothing_more(client: Client, lost: Lost) -> None:
    """Lambda reports such an invocation as failed: no process is left that could respond."""
    assert (lost.answer.status, lost.answer.code) == (503, "unavailable")
    assert lost.answer.body["error"]["retryable"] is True
    assert lost.answer.headers["Retry-After"] == "1"
    assert client.execute("dying", "echo", {}).status == 200


@pytest.mark.parametrize("number", [0, 1], ids=["synchronous", "asynchronous"])
def test_job_with_a_killed_runtime_is_settled_when_its_lease_expires(client: Client, lost: Lost, number: int) -> None:
    job = client.until_final(lost.job_ids[number])
    assert (job["status"], job["error"]["code"], job["attempt"]) == ("failed", "worker_lost", 1)
    after = client.until_final(client.submit("dying", "echo", {}))
    assert after["status"] == "succeeded"


def test_an_environment_left_without_descriptors_is_replaced(client: Client, tmp_path: Path) -> None:
    """Another process of the user lowers the limit of descriptors, as a tool without confinement could."""
    pid_file = tmp_path / "pid"
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.execute, "lingering", "until_told", {"path": str(pid_file)})
        deadline = time.monotonic() + START_LIMIT_S
        # Not before the claim is written: without descriptors, writing it fails first, and the environment is repaired.
        claimed = "/v1/jobs?plugin=lingering&tool=until_told&status=running"
        while not (pid_file.exists() and client.call("GET", claimed).body["jobs"]):
            assert time.monotonic() < deadline, "the tool did not start"
            time.sleep(0.01)
        supervisor = _parent(_parent(int(pid_file.read_text())))
        _, hard = resource.prlimit(supervisor, resource.RLIMIT_NOFILE)
        resource.prlimit(supervisor, resource.RLIMIT_NOFILE, (3, hard))
        answer = call.result()

    assert (answer.status, answer.code, answer.body["error"]["retryable"]) == (503, "unavailable", True)
    # The process responds before it exits, and the stack may reap it only when it ends the next environment.
    deadline = time.monotonic() + START_LIMIT_S
    while not gone(supervisor):
        assert time.monotonic() < deadline, "the environment was not replaced"
        time.sleep(0.01)
    (job,) = client.call("GET", "/v1/jobs?plugin=lingering&tool=until_told&limit=1").body["jobs"]
    assert (job["status"], client.job(job["job_id"])["error"]["code"]) == ("failed", "worker_lost")
    assert client.execute("lingering", "echo", {}).status == 200


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
