"""Webhooks over HTTP: receivers that fail in every way get exactly the attempts of the contract, and no message is lost
when senders are killed."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from interlock.domain.webhook import RETRIES
from interlock_dev.stack.client import Client
from tests.stack.batch_helpers import until_batch
from tests.stack.conftest import WAIT_FACTOR
from tests.stack.stacks import Running
from tests.stack.webhook_receiver import HANG, RESET, Receiver, Reply, receiving
from tests.volume import ALONE, volume

pytestmark = [*ALONE]

RETRY_AFTER_S = 20_000
ENDS = {
    # path: (responses, state, attempts, last status, last error)
    "/accepts": ([], "delivered", 1, 204, None),
    "/fails": ([Reply(500)] * 9, "failed", 8, 500, "status"),
    "/asks-for-time": ([Reply(429, {"Retry-After": str(RETRY_AFTER_S)})], "delivered", 2, 204, None),
    "/redirects": ([Reply(302, {"Location": "/accepts"})] * 2, "delivered", 3, 204, None),
    "/resets": ([RESET], "delivered", 2, 204, None),
    "/hangs": ([HANG], "delivered", 2, 204, None),
    "/is-gone": ([Reply(410)], "failed", 1, 410, "status"),
}
PATIENCE_S = volume(sample=120, full=1200)
KILLED = volume(sample=20, full=1000)
"""Jobs whose messages are sent while senders are killed."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving({path: end[0] for path, end in ENDS.items()}) as receiver:
        yield receiver


def submit(client: Client, url: str, *events: str) -> str:
    webhook = {"url": url, "events": list(events or ["finished"])}
    return client.submit("specimen", "echo", {"text": "hello"}, webhook=webhook)


def run(client: Client, url: str) -> str:
    """Submit a job, wait until it has finished, and return its id."""
    body = {"plugin": "specimen", "tool": "echo", "input": {"text": "hello"}, "webhook": {"url": url}}
    answer = client.call("POST", "/v1/execute", body, {"Prefer": "respond-async, wait=20"})
    assert answer.status in {200, 202}, answer.body
    job_id: str = answer.body["job_id"]
    return job_id


def delivered(client: Client, job_id: str) -> list[dict[str, Any]]:
    """Wait for the end of all deliveries of a job, and return them."""

    def over(job: dict[str, Any]) -> bool:
        return all(one["state"] != "pending" for one in job["webhook"]["deliveries"])

    found: list[dict[str, Any]] = client.until(job_id, over, within_s=PATIENCE_S)["webhook"]["deliveries"]
    return found


@pytest.fixture(scope="module")
def ended(client: Client, receiver: Receiver) -> dict[str, dict[str, Any]]:
    """The delivery to each path, after all have ended."""
    with ThreadPoolExecutor(len(ENDS)) as pool:
        ids = dict(zip(ENDS, pool.map(lambda path: submit(client, receiver.url + path), ENDS), strict=True))
    return {path: {"job_id": job_id, **delivered(client, job_id)[0]} for path, job_id in ids.items()}


@pytest.mark.parametrize("path", ENDS)
def test_receiver_gets_exactly_the_attempts_of_the_contract(
    client: Client, receiver: Receiver, ended: dict[str, dict[str, Any]], path: str
) -> None:
    _, state, attempts, last_status, last_error = ENDS[path]
    delivery, messages = ended[path], receiver.messages[path]
    assert (delivery["state"], delivery["attempts"], len(messages)) == (state, attempts, attempts)
    assert (delivery["last_status"], delivery["last_error"]) == (last_status, last_error)
    assert delivery["next_attempt_at"] is None
    secret = client.call("GET", "/v1/webhook-secret").body["secret"]
    for message in messages:
        verified = message.verified(secret)
        assert (verified["type"], verified["data"]["job_id"]) == ("job.succeeded", delivery["job_id"])
        assert verified["data"]["result"]["text"] == "hello"
    assert {message.headers["webhook-id"] for message in messages} == {f"{delivery['job_id']}-finished"}


def test_pauses_between_attempts_grow_as_the_contract_says(
    receiver: Receiver, ended: dict[str, dict[str, Any]]
) -> None:
    assert ended["/fails"]["attempts"] == len(RETRIES) + 1
    pauses = [later.at - earlier.at for earlier, later in pairwise(receiver.messages["/fails"])]
    for pause_s, least in zip(pauses, RETRIES, strict=True):
        assert pause_s >= least.total_seconds() * WAIT_FACTOR
    [asked] = [later.at - earlier.at for earlier, later in pairwise(receiver.messages["/asks-for-time"])]
    assert asked >= RETRY_AFTER_S * WAIT_FACTOR


def test_both_events_are_sent_and_one_is_sent_again(client: Client, receiver: Receiver) -> None:
    job_id = submit(client, f"{receiver.url}/both", "started", "finished")
    assert [one["state"] for one in delivered(client, job_id)] == ["delivered"] * 2
    again = client.call("POST", f"/v1/jobs/{job_id}/webhook/redeliver", {"event": "started"})
    assert (again.status, len(delivered(client, job_id))) == (202, 2)
    ids = sorted(message.headers["webhook-id"] for message in receiver.messages["/both"])
    assert ids == [f"{job_id}-finished", *[f"{job_id}-started"] * 2]


def test_message_is_sent_for_a_job_that_never_started(client: Client, receiver: Receiver) -> None:
    job_id = client.submit(
        "specimen", "wait", {"seconds": 30}, webhook={"url": f"{receiver.url}/cancelled", "events": ["finished"]}
    )
    client.call("POST", f"/v1/jobs/{job_id}/cancel")
    assert delivered(client, job_id)[0]["state"] == "delivered"
    [message] = receiver.messages["/cancelled"]
    secret = client.call("GET", "/v1/webhook-secret").body["secret"]
    assert message.verified(secret)["type"] == "job.cancelled"


def test_one_message_is_sent_when_a_batch_has_ended(client: Client, receiver: Receiver) -> None:
    body = {
        "plugin": "specimen",
        "tool": "echo",
        "items": [{"input": {"text": "a"}}, {"input": {"text": 7}}],
        "webhook": {"url": f"{receiver.url}/batch"},
    }
    batch_id = client.call("POST", "/v1/batches", body).body["batch_id"]
    batch = until_batch(
        client,
        batch_id,
        lambda batch: batch["webhook"]["deliveries"][0]["state"] == "delivered",
        within_s=PATIENCE_S,
    )
    [message] = receiver.messages["/batch"]
    verified = message.verified(client.call("GET", "/v1/webhook-secret").body["secret"])
    assert (verified["type"], verified["data"]["counts"]) == ("batch.finished", batch["counts"])
    assert (batch["status"], batch["counts"]["succeeded"], batch["counts"]["failed"]) == ("succeeded", 1, 1)
    assert message.headers["webhook-id"] == f"batch-{batch_id}-finished"


def senders(endpoint_url: str) -> list[int]:
    """Return the processes of the sender's environments in the stack at this address."""
    marks = {b"AWS_LAMBDA_FUNCTION_NAME=SendWebhookFunction", f"AWS_ENDPOINT_URL={endpoint_url}".encode()}
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = set((folder / "environ").read_bytes().split(b"\0"))
        except OSError:
            continue
        if marks <= environment:
            found.append(int(folder.name))
    return found


@pytest.mark.timeout(volume(sample=120, full=1800))
def test_no_message_is_lost_when_senders_are_killed(real: Running) -> None:
    client, endpoint_url = real.client, real.published["aws_endpoint_url"]
    with receiving() as receiver, ThreadPoolExecutor(8) as pool:
        receiver.hold.clear()
        # Eight at a time: the local stack has threads for each execution of a job.
        submitted = pool.map(lambda number: run(client, f"{receiver.url}/{number}"), range(KILLED))
        until = time.monotonic() + PATIENCE_S
        while not receiver.messages and time.monotonic() < until:
            time.sleep(0.01)
        killed = senders(endpoint_url)
        assert killed
        in_flight = sum(map(len, receiver.messages.values()))
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):  # the process has ended with its emulator
                os.kill(pid, signal.SIGKILL)
        receiver.hold.set()
        ids = list(submitted)
        states = list(pool.map(lambda job_id: delivered(client, job_id)[0]["state"], ids))
        assert states == ["delivered"] * KILLED
        secret = client.call("GET", "/v1/webhook-secret").body["secret"]
        messages = [message for several in receiver.messages.values() for message in several]
        verified = [message.verified(secret)["data"]["job_id"] for message in messages]
        assert set(verified) == set(ids)
        # Only a message that was on its way when its sender was killed is sent again.
        assert len(verified) <= KILLED + in_flight + len(killed)
