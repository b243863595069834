"""The `interlock` command at a terminal: what it shows, Ctrl-C, and completion in the shell."""

import contextlib
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from interlock_dev.stack.client import Client

pytestmark = pytest.mark.xdist_group("command")


def at_terminal(environment: dict[str, str], folder: Path, *arguments: str, **variables: str) -> str:
    """Run the command at a terminal and return what it shows."""
    controller, terminal = os.openpty()
    process = subprocess.Popen(
        ["interlock", *arguments],
        cwd=folder, env={**environment, "TERM": "xterm-256color", **variables}, stdin=terminal, stdout=terminal,
        stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # the read fails after the last process has closed the terminal
        while piece := os.read(controller, 65_536):
            shown += piece
    os.close(controller)
    assert process.wait(30) == 0, shown
    return shown.decode()


def test_terminal_shows_a_bar_and_no_base64(environment: dict[str, str], folder: Path) -> None:
    shown = at_terminal(environment, folder, "run", "image.thumbnail", "image=@page.png")
    assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" in shown
    assert "bytes: save it with -o FILE>" in shown
    assert not re.search("[A-Za-z0-9+/]{200}", shown)


def test_colors_can_be_turned_off(environment: dict[str, str], folder: Path) -> None:
    color = re.compile(r"\x1b\[3[0-9]m")
    assert color.search(at_terminal(environment, folder, "plugins"))
    assert not color.search(at_terminal(environment, folder, "plugins", NO_COLOR="1"))


def test_interrupt_cancels_the_job(environment: dict[str, str], folder: Path, client: Client) -> None:
    with subprocess.Popen(
        ["interlock", "run", "errands.wait", "seconds=30"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr
        assert process.stdout
        assert [process.stderr.readline() for _ in range(2)] == ["pending\n", "running\n"]
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert (process.wait(30), process.stdout.read()) == (1, "")
    assert "Ctrl-C again leaves it" in rest
    assert "cancelled: stopped" in rest
    job = re.findall("job ([0-9A-Z]{26})", rest)[0]
    assert client.job(job)["cancel"]["reason"] == "interrupted at the terminal"


def test_interrupt_cancels_the_batch(environment: dict[str, str], folder: Path, client: Client) -> None:
    for name in ("1.txt", "2.txt"):
        (folder / name).write_text("30")
    with subprocess.Popen(
        ["interlock", "batch", "run", "errands.wait", "1.txt", "2.txt", "--field", "seconds", "--max-concurrency", "1"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr
        assert process.stdout
        batch_id = process.stderr.readline().split()[1]
        while client.call("GET", f"/v1/batches/{batch_id}").body["counts"]["running"] == 0:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        statuses = [json.loads(line)["status"] for line in process.stdout]
        assert (process.wait(30), statuses) == (130, ["cancelled", "cancelled"])
    assert client.call("GET", f"/v1/batches/{batch_id}").body["cancel"]["reason"] == "interrupted at the terminal"


def completed(environment: dict[str, str], *words: str) -> list[str]:
    """Return what the shell completes the last word with."""
    asked = {"_INTERLOCK_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    answer = subprocess.run(["interlock"], env={**environment, **asked}, capture_output=True, check=True, timeout=60)
    return answer.stdout.decode().split()


def test_tools_and_jobs_are_completed(environment: dict[str, str], client: Client) -> None:
    job = client.submit("errands", "echo", {})
    assert completed(environment, "interlock", "run", "image.") == ["image.inspect", "image.thumbnail"]
    assert job in completed(environment, "interlock", "job", job[:12])
    nowhere = {**environment, "INTERLOCK_URL": "http://127.0.0.1:1"}
    assert completed(nowhere, "interlock", "run", "image.") == []


def test_interrupted_command_that_follows_a_job_leaves_it_running(
    environment: dict[str, str], folder: Path, client: Client
) -> None:
    job = client.submit("errands", "wait", {"seconds": 30})
    with subprocess.Popen(
        ["interlock", "job", job, "--follow"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stderr
        while process.stdout.readline() != "running\n":
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert (process.wait(30), process.stderr.read()) == (130, "")
    found = client.job(job)
    assert found["status"] == "running", found["error"]
    client.call("POST", f"/v1/jobs/{job}/cancel")
    client.until_final(job)
