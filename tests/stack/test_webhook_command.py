"""`interlock webhook`: a receiver in the terminal, and the secret."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from interlock_dev.stack.client import Client

CLI = (sys.executable, "-m", "interlock_dev.commands.cli", "webhook")


def command(client: Client, *arguments: str) -> str:
    """Run a subcommand and return its output."""
    options = ("--url", client.url, "--key", client.api_key)
    done = subprocess.run([*CLI, *arguments, *options], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


@pytest.fixture
def listening(client: Client, tmp_path: Path) -> Iterator[tuple[str, Any]]:
    """The URL of `interlock webhook listen`, and its process."""
    options = ("--port", "0", "--url", client.url, "--key", client.api_key)
    process = subprocess.Popen(
        [*CLI, "listen", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stderr is not None
    found = re.search(r"http://127\.0\.0\.1:\d+/", process.stderr.readline())
    assert found
    yield found[0], process
    process.kill()
    process.communicate()


def test_verified_messages_are_printed_until_it_is_interrupted(client: Client, listening: tuple[str, Any]) -> None:
    url, process = listening
    job_id = client.submit("specimen", "echo", {"text": "hello"}, webhook={"url": f"{url}x"})
    line = process.stdout.readline()
    assert re.match(rf"\S+Z  job\.succeeded  {job_id}  specimen\.echo  /x  {{\"text\": \"hello\"}}", line), line
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def test_forged_message_is_refused(client: Client, listening: tuple[str, Any]) -> None:
    url, process = listening
    assert requests.post(url, json={"type": "job.succeeded"}, timeout=20).status_code == 401
    assert "local stack" in process.stderr.readline()
    assert "refused a message" in process.stderr.readline()


def test_secret_is_printed_and_replaced(client: Client) -> None:
    before = command(client, "secret").strip()
    assert before == client.call("GET", "/v1/webhook-secret").body["secret"]
    rotated = json.loads(command(client, "rotate", "--json"))
    assert rotated["secret"] != before
    assert rotated["previous_expires_at"]
    assert command(client, "secret").strip() == rotated["secret"]


def test_message_is_sent_again(client: Client, listening: tuple[str, Any]) -> None:
    url, process = listening
    job_id = client.submit("specimen", "echo", {"text": "again"}, webhook={"url": url})
    assert job_id in process.stdout.readline()
    client.until(job_id, lambda job: job["webhook"]["deliveries"][0]["state"] == "delivered")
    assert "finished" in command(client, "redeliver", job_id)
    assert job_id in process.stdout.readline()
