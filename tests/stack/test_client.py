"""The Python client drives a local stack: `Interlock` and `AsyncInterlock`."""

import asyncio
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from interlock_client import (
    AsyncInterlock,
    AuthenticationError,
    ConflictError,
    ExecutionError,
    Interlock,
    NotFoundError,
    PluginError,
    ValidationError,
    WaitTimeout,
)
from interlock_dev.stack.client import Client
from tests.documented import code_blocks
from tests.stack.stacks import ROOT

pytestmark = pytest.mark.xdist_group("client")

PAGE = ROOT / "tests" / "images" / "page.png"


@pytest.fixture(scope="module")
def interlock(client: Client) -> Iterator[Interlock]:
    with Interlock(client.url, client.api_key) as opened:
        yield opened


SNIPPETS = [*code_blocks("docs/client.md", "python"), *code_blocks("client/README.md", "python")]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_documented_code_runs(snippet: str, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("page.png").symlink_to(PAGE)
    exec(
        compile(
            snippet.replace("http://127.0.0.1:3000", client.url).replace("dev-key", client.api_key), "docs", "exec"
        ),
        {},
    )


def test_tool_runs_with_a_file(interlock: Interlock) -> None:
    facts = interlock.run("image.inspect", image=PAGE, colors=2)
    assert (facts["width"], facts["height"]) == (384, 191)


def test_large_files_are_uploaded(interlock: Interlock, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(range(256)) * 16 * 1024)  # 4 MiB
    result = interlock.run("files.digest", file=large, more=[b"small"])
    assert result["sha256"] == [hashlib.sha256(one).hexdigest() for one in (large.read_bytes(), b"small")]


def test_large_result_is_downloaded(interlock: Interlock) -> None:
    result = interlock.run("files.text", size=5_500_000)
    assert len(result["text"]) == 5_500_000 - len('{"text":""}')


def test_job_is_followed_to_its_result(interlock: Interlock) -> None:
    job = interlock.submit("errands.wait", seconds=0.3)
    events = list(job.events())
    assert [event["status"] for event in events if event["type"] == "state"] == ["pending", "running", "succeeded"]
    assert job.result() == {"text": "done"}
    assert job.refresh().finished
    assert [event["seq"] for event in job.events(after=events[1]["seq"], follow=False)] == [
        event["seq"] for event in events[2:]
    ]


def test_failed_job_raises_its_error(interlock: Interlock) -> None:
    job = interlock.submit("errands.fail")
    with pytest.raises(PluginError, match="there is none") as raised:
        job.result()
    assert (raised.value.code, raised.value.details["exception"]) == ("plugin_exception", "LookupError")
    assert raised.value.job_id == job.id
    assert job.wait().status == "failed"
    assert isinstance(job.error, PluginError)


def test_job_is_cancelled(interlock: Interlock) -> None:
    job = interlock.submit("errands.wait", seconds=30)
    next(event for event in job.events() if event["type"] == "progress")
    with pytest.raises(WaitTimeout):
        job.wait(timeout=0.2)
    assert job.cancel("not needed").status == "cancelling"
    with pytest.raises(ExecutionError) as raised:
        job.result(timeout=30)
    assert raised.value.code == "cancelled"
    assert job.cancel().status == "cancelled"
    assert job.cancel_outcome == "stopped"


def test_cancel_of_a_job_that_has_ended_is_a_conflict(interlock: Interlock) -> None:
    with pytest.raises(ConflictError) as raised:
        interlock.submit("errands.echo").wait().cancel()
    assert raised.value.details["status"] == "succeeded"


def test_job_is_run_again_with_other_input(interlock: Interlock) -> None:
    job = interlock.submit("errands.echo", text="one").wait()
    again = job.rerun(text="two")
    assert again.result() == {"text": "two"}
    assert again.document["rerun_of"] == job.id


def test_deadline_ends_a_job(interlock: Interlock) -> None:
    job = interlock.submit("errands.wait", seconds=30, deadline_s=1)
    with pytest.raises(ExecutionError) as raised:
        job.result()
    assert (raised.value.code, raised.value.details["limit"]) == ("timeout", "deadline")


def test_idempotency_key_joins_the_first_job(interlock: Interlock) -> None:
    first, second = (interlock.submit("errands.echo", text="x", idempotency_key="client-test") for _ in range(2))
    assert first.id == second.id


def test_refused_calls_raise_the_class_of_their_type(interlock: Interlock, client: Client) -> None:
    with pytest.raises(ValidationError) as invalid:
        interlock.run("image.inspect", colors="many")
    assert {problem["path"] for problem in invalid.value.errors} == {"/colors", "/image"} or invalid.value.errors
    with pytest.raises(NotFoundError):
        interlock.job("01J00000000000000000000000")
    with Interlock(client.url, "wrong") as stranger, pytest.raises(AuthenticationError):
        stranger.plugins()


def test_jobs_are_listed_over_pages(interlock: Interlock) -> None:
    ids = {interlock.submit("errands.echo", text=str(number)).wait().id for number in range(3)}
    listed = interlock.jobs(plugin="errands", tool="echo", status="succeeded")
    assert ids <= {job.id for job in listed}
    assert len(list(interlock.jobs(limit=2))) == 2
    later = datetime.now(UTC)
    assert list(interlock.jobs(plugin="errands", created_after=later)) == []
    assert ids <= {job.id for job in interlock.jobs(created_after=later - timedelta(hours=1), created_before=later)}


def test_plugins_and_service_are_described(interlock: Interlock) -> None:
    assert "ocr" in {plugin["name"] for plugin in interlock.plugins()}
    assert interlock.plugin("ocr")["tools"][0]["name"] == "analyze"
    assert interlock.health("ocr")["state"] in {"LOADED", "INITIALIZED", "RUNNING", "FAILED"}
    assert interlock.service_health()["status"] == "ok"


def test_async_client_does_the_same(client: Client) -> None:
    async def use() -> tuple[list[Any], Any, set[str], str]:
        async with AsyncInterlock(client.url, client.api_key) as interlock:
            job = await interlock.submit("errands.wait", seconds=0.3)
            states = [event["status"] async for event in job.events() if event["type"] == "state"]
            facts, result = await asyncio.gather(interlock.run("image.inspect", image=PAGE), job.result())
            listed = {one.id async for one in interlock.jobs(plugin="errands")}
            again = await (await interlock.submit("errands.wait", seconds=30)).cancel()
            outcome = (await again.wait()).status
            assert job.id in listed
            assert facts["width"] == 384
            return states, result, listed, outcome

    states, result, _, outcome = asyncio.run(use())
    assert states == ["pending", "running", "succeeded"]
    assert result == {"text": "done"}
    assert outcome == "cancelled"
