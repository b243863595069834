"""The life cycle of keys, and their limits, over HTTP and under real concurrency."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from interlock_dev.stack.client import FINAL, Answer, Client
from tests.service.openid_provider import OpenIdProvider
from tests.stack.access.conftest import ClientOf
from tests.stack.conftest import Keys

pytestmark = [pytest.mark.xdist_group("access"), pytest.mark.timeout(280)]

ASYNC = {"Prefer": "respond-async"}
QUICK: dict[str, Any] = {"plugin": "guests", "tool": "echo", "input": {"text": "x"}}


def at_once(count: int, call: Callable[[int], Answer]) -> list[Answer]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def assert_limited(answer: Answer, limit: str) -> None:
    error = answer.body["error"]
    assert (answer.status, error["code"], error["retryable"]) == (429, "rate_limited", True)
    assert error["details"]["limit"] == limit
    assert int(answer.headers["Retry-After"]) >= 1


# --- The life of a key ---


def test_a_key_works_until_it_is_revoked(client: Client, keys: Keys) -> None:
    made = keys("create", "--tenant", "life", "--scopes", "jobs:read")
    holder = Client(client.url, made["key"])
    assert holder.call("GET", "/v1/jobs").status == 200
    keys("revoke", made["key_id"])
    assert holder.call("GET", "/v1/jobs").status == 401


def test_expired_key_is_rejected_right_after_it_was_accepted(client: Client, keys: Keys) -> None:
    made = keys("create", "--tenant", "life", "--scopes", "jobs:read", "--expires", "3s")
    holder, until = Client(client.url, made["key"]), time.monotonic() + 10
    assert holder.call("GET", "/v1/jobs").status == 200
    while holder.call("GET", "/v1/jobs").status == 200:
        assert time.monotonic() < until, "it did not expire"
    assert holder.call("GET", "/v1/jobs").status == 401


def test_while_a_key_is_rotated_both_work_for_one_tenant(client: Client, keys: Keys) -> None:
    old = keys("create", "--tenant", "rotation", "--scopes", "admin")
    before = Client(client.url, old["key"])
    job_id = before.execute("guests", "echo", {"text": "x"}).body["job_id"]
    new = keys("rotate", old["key_id"], "--overlap", "1h")
    after = Client(client.url, new["key"])
    assert [one.call("GET", f"/v1/jobs/{job_id}").status for one in (before, after)] == [200, 200]
    ended = keys("rotate", new["key_id"], "--overlap", "0s")
    assert after.call("GET", f"/v1/jobs/{job_id}").status == 401
    assert Client(client.url, ended["key"]).call("GET", f"/v1/jobs/{job_id}").status == 200


def test_a_mistyped_key_is_reported(client: Client, keys: Keys) -> None:
    key = keys("create", "--tenant", "life", "--scopes", "admin")["key"]
    typo = key[:-1] + ("0" if key[-1] != "0" else "1")
    assert "mistyped" in Client(client.url, typo).call("GET", "/v1/jobs").body["error"]["message"]


# --- Limits ---


def test_concurrent_calls_pass_up_to_the_rate(client_of: ClientOf) -> None:
    # At two requests per hour, a third one is never due, however long the calls take.
    client = client_of("hasty", "admin", "--rate", "2/h")
    answers = at_once(16, lambda _: client.call("GET", "/v1/jobs"))
    assert sorted(answer.status for answer in answers) == [200, 200] + [429] * 14
    for answer in answers:
        if answer.status == 429:
            assert_limited(answer, "rate")
            assert 1700 < int(answer.headers["Retry-After"]) <= 1800


def test_a_rate_counts_over_both_functions(client_of: ClientOf) -> None:
    client = client_of("hasty", "admin", "--rate", "2/h")
    assert client.call("POST", "/v1/execute", QUICK).status == 200
    assert client.call("GET", "/v1/plugins").status == 200
    for call in (("POST", "/v1/execute", QUICK), ("GET", "/v1/plugins"), ("GET", "/v1/jobs")):
        assert_limited(client.call(*call), "rate")
    assert client_of("hasty").call("GET", "/v1/jobs").body["count"] == 1


def test_waiting_for_retry_after_is_enough(client_of: ClientOf) -> None:
    client = client_of("patient", "admin", "--rate", "1/s")
    for _ in range(3):
        answer = client.call("GET", "/v1/jobs")
        if answer.status == 429:
            time.sleep(int(answer.headers["Retry-After"]))
            answer = client.call("GET", "/v1/jobs")
        assert answer.status == 200


def test_key_reaches_exactly_its_concurrency_limit_and_slots_are_released(client_of: ClientOf, tmp_path: Path) -> None:
    slow = {"plugin": "guests", "tool": "yields", "input": {"pid_file": str(tmp_path / "pid")}}
    client = client_of("busy", "admin", "--concurrency", "3")
    answers = at_once(10, lambda _: client.call("POST", "/v1/execute", slow, ASYNC))
    running = [answer.body["job_id"] for answer in answers if answer.status == 202]
    assert len(running) == 3
    for answer in answers:
        if answer.status != 202:
            assert_limited(answer, "concurrency")
    assert client.call("GET", "/v1/jobs").body["count"] == 3
    assert_limited(client.call("POST", "/v1/execute", QUICK), "concurrency")
    for job_id in running:
        client.call("POST", f"/v1/jobs/{job_id}/cancel")
    for job_id in running:
        assert client.until_final(job_id)["status"] == "cancelled"
    again = at_once(10, lambda _: client.call("POST", "/v1/execute", slow, ASYNC))
    held = [answer.body["job_id"] for answer in again if answer.status == 202]
    assert len(held) == 3
    for job_id in held:
        client.call("POST", f"/v1/jobs/{job_id}/cancel")
        client.until_final(job_id)


@pytest.mark.parametrize(("tool", "status"), [("echo", 200), ("raises", 400), ("os_exit", 400)])
def test_slot_is_released_after_every_outcome(client_of: ClientOf, tool: str, status: int) -> None:
    client = client_of("steady", "admin", "--concurrency", "1")
    for _ in range(3):
        assert client.execute("guests", tool, {"text": "x"}).status == status
    jobs = client.call("GET", "/v1/jobs").body["jobs"]
    assert all(job["status"] in FINAL for job in jobs)


# --- Tokens ---


def bearer(stack: Client, token: str, path: str = "/v1/jobs") -> requests.Response:
    return requests.get(stack.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=30)


def test_a_providers_token_is_let_in_as_its_tenant_with_its_scopes(
    token_stack: Client, provider: OpenIdProvider
) -> None:
    token = provider.token(sub="reader", scope="jobs:read")
    assert bearer(token_stack, token).json() == {"jobs": [], "count": 0, "next_cursor": None}
    assert bearer(token_stack, token, "/v1/plugins").status_code == 403
    developers = token_stack.execute("image", None, {"image": "no picture"})
    assert developers.status == 400
    listed = bearer(token_stack, provider.token(sub="same tenant", tenant="dev", scope="admin")).json()
    assert listed["count"] == token_stack.call("GET", "/v1/jobs").body["count"]


def test_a_bad_token_is_401_with_its_reason(token_stack: Client, provider: OpenIdProvider) -> None:
    for token, message in {
        provider.token(exp=time.time() - 60): "The token has expired.",
        provider.token(aud="other"): "The token is for another audience.",
        provider.token(tenant="a#b"): "The token names no tenant in its claim tenant.",
        "nonsense": "The token is not valid.",
    }.items():
        answer = bearer(token_stack, token)
        assert answer.status_code == 401
        assert answer.json()["error"]["message"] == message


def test_keys_work_beside_tokens(token_stack: Client) -> None:
    assert token_stack.call("GET", "/v1/jobs").status == 200
    assert requests.get(f"{token_stack.url}/v1/jobs", timeout=30).status_code == 401


def test_the_stacks_limits_are_those_of_a_tokens_holder(token_stack: Client, provider: OpenIdProvider) -> None:
    token = provider.token(sub="hasty")
    with ThreadPoolExecutor(8) as pool:
        statuses = [one.status_code for one in pool.map(lambda _: bearer(token_stack, token), range(40))]
    # At 30 per minute, 30 requests pass at once, and one more for every two seconds that the calls take.
    assert set(statuses) == {200, 429}
    assert 30 <= statuses.count(200) < 40


def test_provider_outage_is_503_and_never_500(token_stack: Client, provider: OpenIdProvider) -> None:
    # A signing key that is not known yet cannot be fetched now, and the same token may be accepted later.
    provider.broken = b"<html>down</html>"
    try:
        unknown = provider.token("new", key=provider.keys["one"])
        answers = [bearer(token_stack, token) for token in (unknown, provider.token(sub="known"))]
    finally:
        provider.broken = None
    assert answers[0].status_code in {401, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert answer.json()["error"]["code"] == "unavailable"
            assert "Retry-After" in answer.headers
