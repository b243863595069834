"""`interlock batch` on a service in memory: what it prints, writes and sends, and how it ends."""

import base64
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from interlock_client import ConnectionFailed
from interlock_dev.commands.cli import main
from interlock_dev.commands.exits import Exit
from interlock_dev.commands.remote import completion
from interlock_dev.commands.remote.batches import sending
from interlock_dev.commands.remote.batches.following import Bar
from interlock_dev.commands.remote.webhooks import message_line
from tests.pure.devkit.batch_service import BatchService, interrupt, served


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output, which is JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


WEBHOOK = ("--webhook", "https://example.com/hook")

type Command = Callable[..., Ended]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BatchService:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for name in ("a", "b", "c"):
        Path(f"{name}.png").write_bytes(name.encode())
    return served(tmp_path, monkeypatch)


@pytest.fixture
def batch(service: BatchService, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> Ended:
        status = main(["batch", *arguments])
        return Ended(status, *capsys.readouterr())

    return run


def submitted(service: BatchService) -> dict[str, Any]:
    [request] = [one for one in service.requests if (one.method, one.target) == ("POST", "/v1/batches")]
    body: dict[str, Any] = json.loads(request.content or b"")
    return body


def test_files_become_items_and_results_are_json_lines(batch: Command, service: BatchService) -> None:
    options = ("--max-concurrency", "2", "--tolerated-failures", "5%", "--timeout", "5", "--deadline", "1h", *WEBHOOK)
    ended = batch("run", "scan.read", "a.png", "b.png", "language=deu", *options)
    assert ended.status == Exit.OK, ended.err
    images = [base64.b64encode(name).decode() for name in (b"a", b"b")]
    assert submitted(service) == {
        "plugin": "scan", "tool": "read", "max_concurrency": 2, "tolerated_failures": "5%",
        "timeout_s": 5.0, "deadline_s": 3600.0,
        "webhook": {"url": "https://example.com/hook"},
        "items": [
            {"input": {"language": "deu", "image": image}, "key": key}
            for image, key in zip(images, ("a.png", "b.png"), strict=True)
        ],
    }  # fmt: skip
    assert [(line["index"], line["key"], line["result"]["image"]) for line in ended.lines] == [
        (0, "a.png", images[0]),
        (1, "b.png", images[1]),
    ]
    assert ended.err.splitlines() == [
        f"batch {service.batch_id}",
        "preparing 0/2",
        "running 0/2",
        "running 2/2 2 succeeded",
        "succeeded 2/2 2 succeeded",
        f"batch {service.batch_id} succeeded: 2 succeeded",
    ]


def test_failed_item_gives_status_1(batch: Command, service: BatchService, capsys: pytest.CaptureFixture[str]) -> None:
    Path("items.jsonl").write_text('{"input": {"text": "x"}}\n{"input": {"text": 7}, "key": "k"}\n')
    batch_id = batch("submit", "echo.say", "items.jsonl").out.strip()
    watched = batch("show", batch_id, "--watch")
    assert watched.status == Exit.TOOL_FAILED
    assert watched.out.splitlines()[-1] == "succeeded 2/2 1 succeeded, 1 failed"
    assert f"1 of 2 items failed: see `interlock jobs --batch {batch_id} --status failed" in watched.err
    assert [(line["key"], line["status"]) for line in batch("results", batch_id).lines] == [
        (None, "succeeded"),
        ("k", "failed"),
    ]
    assert main(["jobs", "--batch", batch_id, "--status", "failed"]) == Exit.OK
    assert "k: invalid_input" in capsys.readouterr().out


def test_tolerated_failures_give_status_0(batch: Command, service: BatchService, monkeypatch: Any) -> None:
    lines = b'{"input": {"text": "x"}}\n\n{"input": {"text": 7}}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    batch_id = batch("submit", "echo.say", "-", "--tolerated-failures", "1").out.strip()
    assert batch("show", batch_id, "-w").status == Exit.OK
    assert batch("results", batch_id).status == Exit.OK


def test_batch_with_too_many_failures_reports_it(batch: Command, service: BatchService) -> None:
    Path("items.jsonl").write_text('{"input": {"text": 7}}\n')
    batch_id = batch("submit", "echo.say", "items.jsonl", "--tolerated-failures", "0").out.strip()
    service.steps[1] = lambda: service.world.core.batch_service.stop_over_tolerance("acme", batch_id)
    ended = batch("show", batch_id, "--watch")
    assert ended.status == Exit.TOOL_FAILED
    assert "too_many_failures: " in ended.err


def test_results_are_written_to_a_file_only_when_they_are_complete(batch: Command, service: BatchService) -> None:
    output = Path("results.jsonl")
    output.write_text("earlier\n")
    service.steps[1:1] = [interrupt]
    ended = batch("run", "scan.read", "a.png", "b.png", "-o", "results.jsonl")
    assert (ended.status, ended.out) == (Exit.INTERRUPTED, "")
    assert "Ctrl-C again leaves it" in ended.err
    assert output.read_text() == "earlier\n"
    partial = Path("results.jsonl.partial").read_text().splitlines()
    assert [json.loads(line)["status"] for line in partial] == ["cancelled", "cancelled"]
    assert "wrote results.jsonl.partial (2 items)" in ended.err
    assert batch("results", service.batch_id, "-o", "results.jsonl").status == Exit.TOOL_FAILED
    assert len(output.read_text().splitlines()) == 2
    assert sorted(path.name for path in Path().glob("results*")) == ["results.jsonl", "results.jsonl.partial"]


def test_second_interrupt_leaves_the_batch_and_says_how_to_go_on(batch: Command, service: BatchService) -> None:
    service.steps[1:] = [interrupt, interrupt]
    ended = batch("run", "scan.read", "a.png", "-o", "results.jsonl")
    assert ended.status == Exit.INTERRUPTED
    assert f"batch {service.batch_id} goes on: see `interlock batch show {service.batch_id} --watch`" in ended.err
    assert [path.name for path in Path().glob("results*")] == []


def test_lost_connection_leaves_the_batch_and_says_how_to_go_on(batch: Command, service: BatchService) -> None:
    def lose() -> None:
        raise ConnectionFailed("The service does not respond: gone.")

    service.steps[1:] = [lose]
    ended = batch("run", "scan.read", "a.png")
    assert ended.status == Exit.UNREACHABLE
    assert "goes on: see `interlock batch show" in ended.err


def test_unfinished_batch_has_no_results_yet(batch: Command, service: BatchService) -> None:
    batch_id = batch("run", "scan.read", "a.png", "--detach").out.strip()
    ended = batch("results", batch_id, "-o", "results.jsonl")
    assert (ended.status, ended.out) == (Exit.REFUSED, "")
    assert f"wait for it with `interlock batch show {batch_id} --watch`" in ended.err
    assert not Path("results.jsonl").exists()


def test_cancel_waits_until_the_batch_has_stopped(batch: Command, service: BatchService) -> None:
    batch_id = batch("run", "scan.read", "a.png", "-d", *WEBHOOK).out.strip()
    service.steps = [service.prepare, service.finish]
    ended = batch("cancel", batch_id, "--reason", "enough")
    assert (ended.status, ended.out) == (Exit.OK, "cancelled: stopped\n")
    shown = batch("show", batch_id).out
    assert "stopped (enough)" in shown
    assert "https://example.com/hook" in shown
    assert json.loads(batch("show", batch_id, "--json").out)["cancel"]["reason"] == "enough"
    assert batch("cancel", batch_id).status == Exit.OK


def test_batches_are_listed(batch: Command, service: BatchService) -> None:
    assert batch("list", "--json").out == "[]\n"
    batch_id = batch("run", "scan", "a.png", "b.png", "-d").out.strip()
    assert json.loads(batch("list", "--json").out)[0]["batch_id"] == batch_id
    head, line = batch("list").out.splitlines()
    assert head.split() == ["batch", "tool", "status", "items", "created"]
    assert line.split()[:4] == [batch_id, "scan.read", "preparing", "2"]


def test_ids_of_batches_are_completed(batch: Command, service: BatchService, monkeypatch: pytest.MonkeyPatch) -> None:
    batch_id = batch("run", "scan", "a.png", "-d").out.strip()
    assert completion.batches({}) == [batch_id]
    monkeypatch.setenv("INTERLOCK_URL", "not a URL")
    assert completion.batches({}) == []


def test_idempotency_key_returns_the_same_batch(batch: Command, service: BatchService) -> None:
    once = ("-d", "--idempotency-key", "once")
    first = batch("run", "scan.read", "a.png", *once)
    assert batch("run", "scan.read", "a.png", *once).out == first.out
    other = batch("run", "scan.read", "b.png", *once)
    assert other.status == Exit.REFUSED
    assert "--idempotency-key was used for another request" in other.err


def test_files_that_items_share_are_uploaded_once(batch: Command, service: BatchService) -> None:
    assert batch("run", "scan.read", "a.png", "b.png", "mask=@c.png", "-d").status == Exit.OK
    puts = [request.content for request in service.requests if request.method == "PUT"]
    assert puts == [b"c"]
    masks = [item["input"]["mask"] for item in submitted(service)["items"]]
    assert masks[0] == masks[1]
    assert set(masks[0]) == {"upload_id"}


def test_files_that_are_too_large_together_are_uploaded(
    batch: Command, service: BatchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MAX_BATCH_FILES_BYTES", 1)
    ended = batch("run", "scan.read", "a.png", "b.png")
    assert ended.status == Exit.OK, ended.err
    assert ended.err.splitlines()[:2] == ["uploading 1/2 files", "uploading 2/2 files"]
    assert sorted(request.content or b"" for request in service.requests if request.method == "PUT") == [b"a", b"b"]
    assert [line["status"] for line in ended.lines] == ["succeeded", "succeeded"]


def test_table_at_a_terminal_has_a_line_for_each_item(
    batch: Command, service: BatchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    shown = batch("run", "scan.read", "a.png", "b.png", "-q")
    head, *rows = shown.out.splitlines()
    assert head.split() == ["item", "status", "job", "result"]
    assert [row.split()[0] for row in rows] == ["a.png", "b.png"]
    assert shown.err.splitlines()[1:] == [f"batch {service.batch_id} succeeded: 2 succeeded"]


def test_message_about_a_batch_is_a_line(batch: Command, service: BatchService) -> None:
    batch("run", "scan.read", "a.png", *WEBHOOK)
    document = json.loads(batch("show", service.batch_id, "--json").out)
    message = {"type": "batch.finished", "timestamp": "2026-11-22T10:11:12.345Z", "data": document}
    line = f"2026-11-22T10:11:12.345Z  batch.finished {service.batch_id}  scan.read  /x  succeeded: 1 succeeded"
    assert message_line(message, "/x").replace("  ", " ") == line.replace("  ", " ")


def test_bar_at_a_terminal_shows_counts() -> None:
    shown = io.StringIO()
    counts = {"pending": 1, "running": 2, "succeeded": 3, "failed": 1, "timed_out": 0, "cancelled": 0}
    document: Any = {"status": "running", "total": 7, "counts": counts}
    with Bar(Console(file=shown, force_terminal=True, width=120)) as bar:
        bar.uploading(1, 2)
        bar.batch(document)
    assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" in shown.getvalue()
    assert "4/7" in shown.getvalue()
    assert "3 succeeded, 1 failed" in shown.getvalue()
