"""Authorization over HTTP: the cells of the matrix, and no access to another tenant."""

import random
import string
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from ulid import ULID

from interlock.adapters.dynamo.keys import DynamoKeys
from interlock.domain.access import ApiKey, Scope, hash_key
from interlock.domain.key_format import generate_key
from interlock_dev.stack.client import Client
from tests.stack.access.conftest import ClientOf
from tests.stack.access.matrix import CALLERS, CONTRACT, DOCUMENTED, FORMS, MATRIX, NOBODY, TRIED, UNFIT_BATCH, Cell
from tests.stack.batch_helpers import until_batch
from tests.stack.conftest import Keys
from tests.volume import volume

pytestmark = [pytest.mark.xdist_group("access"), pytest.mark.timeout(280)]

WORKERS = 8
GUESSES = volume(sample=5, full=30)
"""Guesses near each id and each cursor."""


@dataclass(frozen=True, slots=True)
class Callers:
    """The key that each caller sends, and the job of acme that is requested."""

    url: str
    headers: Mapping[str, Mapping[str, str]]
    job_id: str
    key_id: str
    batch_id: str


@pytest.fixture(scope="module")
def callers(client: Client, keys: Keys, table_keys: DynamoKeys) -> Callers:
    def made(tenant: str, scopes: str, *more: str) -> dict[str, Any]:
        found: dict[str, Any] = keys("create", "--tenant", tenant, "--scopes", scopes, *more)
        return found

    expired, revoked = made("acme", "admin", "--expires", "1s"), made("acme", "admin")
    keys("revoke", revoked["key_id"])
    admin = made("acme", "admin")["key"]
    sent: dict[str, str] = {
        "empty": "",
        "malformed": "x" * 4000 + "%00 é\"'\\",
        "mistyped": admin[:-1] + ("0" if admin[-1] != "0" else "1"),
        "wrong": generate_key(),
        "expired": expired["key"],
        "revoked": revoked["key"],
        "only admin": admin,
    }
    others = [scope for scope in Scope if scope is not Scope.ADMIN]
    sent["all but admin"] = made("acme", ",".join(others))["key"]
    sent["stranger with admin"] = made("rival", "admin")["key"]
    for scope in others:
        sent[f"only {scope}"] = made("acme", scope)["key"]
        sent[f"stranger with only {scope}"] = made("rival", scope)["key"]
    # The command creates no key without a scope, so this key is written directly. It may do nothing.
    sent["no scope"] = generate_key()
    table_keys.create(ApiKey(hash_key(sent["no scope"]), str(ULID()), "acme", frozenset()))
    headers: dict[str, dict[str, str]] = {name: {"X-API-Key": key} for name, key in sent.items()}
    headers |= {"no key": {}, "a token where none is taken": {"Authorization": f"Bearer {admin}"}}
    assert set(headers) == set(CALLERS)
    acme = Client(client.url, admin)
    job_id = acme.execute("guests", "echo", {"text": "acme's"}).body["job_id"]
    batch_id = until_batch(acme, acme.call("POST", "/v1/batches", UNFIT_BATCH).body["batch_id"])["batch_id"]
    until = time.monotonic() + 30
    while requests.get(f"{client.url}/v1/jobs", headers=headers["expired"], timeout=30).status_code != 401:
        assert time.monotonic() < until, "the key did not expire"
        time.sleep(0.1)
    return Callers(client.url, headers, job_id, revoked["key_id"], batch_id)


def test_the_matrix_is_of_every_route_in_the_document() -> None:
    assert {route.call for route in CONTRACT} >= DOCUMENTED
    assert len({cell.route.call for cell in MATRIX}) == len(DOCUMENTED)
    assert len(MATRIX) == len(DOCUMENTED) * len(CALLERS) * len(FORMS)
    assert {(cell.route.call, cell.caller) for cell in TRIED} == {(cell.route.call, cell.caller) for cell in MATRIX}
    assert {(cell.route.call, cell.form) for cell in TRIED} == {(cell.route.call, cell.form) for cell in MATRIX}


def ask(callers: Callers, cell: Cell) -> requests.Response:
    path = cell.route.path.format(
        job_id=callers.job_id, key_id=callers.key_id, batch_id=callers.batch_id, name="guests"
    )
    headers = {"Content-Type": "application/json", **cell.route.headers, **callers.headers[cell.caller]}
    body: dict[str, Any] = {"json": cell.route.body} if cell.route.body else {}
    if cell.form == FORMS[1]:
        body = {"data": b"{"}
    elif cell.form == FORMS[2]:
        path += "?unknown=1"
        body = {"json": {**cell.route.body, "unknown": 1}} if cell.route.body else {}
    encoded = {name: value.encode() for name, value in headers.items()}
    return requests.request(cell.route.method, callers.url + path, headers=encoded, timeout=60, **body)


CODES = {401: "unauthorized", 403: "forbidden", 404: "not_found", 400: "invalid_request", 409: "already_finished"}


def wrong(callers: Callers, cell: Cell) -> str | None:
    """Return the problem of the response, if there is one."""
    answer = ask(callers, cell)
    if answer.status_code != cell.expected:
        return f"{cell}: {answer.status_code} instead of {cell.expected}: {answer.text[:200]}"
    code = answer.json()["error"]["code"] if answer.status_code >= 400 else None
    expected = -32700 if cell.route.scope_is_in_body and cell.expected == 400 else CODES.get(cell.expected)
    if code != expected:
        return f"{cell}: {code}"
    if ("WWW-Authenticate" in answer.headers) is not (answer.status_code == 401):
        return f"{cell}: the challenge is {answer.headers.get('WWW-Authenticate')}"
    if cell.caller in NOBODY and cell.route.scope is not None and callers.job_id in answer.text:
        return f"{cell}: tells of the job"
    return None


def test_every_cell_of_the_access_matrix_follows_the_contract(callers: Callers) -> None:
    with ThreadPoolExecutor(WORKERS) as pool:
        problems = [problem for problem in pool.map(lambda cell: wrong(callers, cell), TRIED) if problem]
    assert problems == []


# --- Other tenants ---


@pytest.fixture(scope="module")
def two_tenants(client_of: ClientOf) -> tuple[Client, Client, list[str], list[str]]:
    """Clients of two tenants, and the ids and cursors of the first one's jobs."""
    mine, rivals = client_of("quiet"), client_of("curious")
    ids = [mine.execute("guests", "echo", {"text": f"secret {n}"}).body["job_id"] for n in range(6)]
    pages = [mine.call("GET", f"/v1/jobs?limit={n}") for n in (1, 2, 3)]
    return mine, rivals, ids, [page.body["next_cursor"] for page in pages]


def test_guessed_ids_find_nothing_of_another_tenant(
    two_tenants: tuple[Client, Client, list[str], list[str]],
) -> None:
    _, rival, ids, _ = two_tenants
    chance = random.Random(7)
    near = [_changed(one, chance, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") for one in ids for _ in range(GUESSES)]
    guesses = [*ids, *near, *(str(ULID()) for _ in range(4 * GUESSES)), *(f"quiet%23{one}" for one in ids)]
    ways = ["GET /v1/jobs/{}", "GET /v1/jobs/{}/result", "POST /v1/jobs/{}/cancel", "DELETE /v1/jobs/{}"]
    calls = [ways[number % 4].format(guess).split(" ") for number, guess in enumerate(guesses)]
    calls += [way.format(one).split(" ") for way in ways for one in ids]
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = list(pool.map(lambda call: rival.call(*call), calls))
    assert len(calls) > volume(sample=75, full=250)
    assert {(answer.status, answer.code) for answer in answers} == {(404, "not_found")}
    assert rival.call("GET", "/v1/jobs").body["jobs"] == []


def test_cursor_is_refused_for_another_tenant_or_query(
    two_tenants: tuple[Client, Client, list[str], list[str]],
) -> None:
    mine, rival, _, cursors = two_tenants
    chance = random.Random(7)
    alphabet = string.ascii_letters + string.digits + "-_"
    tampered = [_changed(one, chance, alphabet) for one in cursors for _ in range(GUESSES)]
    with ThreadPoolExecutor(WORKERS) as pool:
        lists = [(rival, cursor) for cursor in (*cursors, *tampered)] + [(mine, cursor) for cursor in tampered]
        answers = list(pool.map(lambda one: one[0].call("GET", f"/v1/jobs?cursor={one[1]}"), lists))
    assert {(answer.status, answer.code) for answer in answers} == {(400, "invalid_request")}
    for cursor in cursors:
        assert mine.call("GET", f"/v1/jobs?cursor={cursor}").status == 200
        assert mine.call("GET", f"/v1/jobs?plugin=guests&cursor={cursor}").status == 400


def _changed(text: str, chance: random.Random, alphabet: str) -> str:
    place = chance.randrange(len(text))
    return text[:place] + chance.choice([char for char in alphabet if char != text[place]]) + text[place + 1 :]


def test_idempotency_keys_of_tenants_are_separate(client_of: ClientOf) -> None:
    first, second = client_of("one"), client_of("two")
    key = {"Idempotency-Key": "the same for both"}
    body: dict[str, Any] = {"plugin": "guests", "tool": "echo", "input": {"text": "of one"}}
    mine = first.call("POST", "/v1/execute", body, key)
    assert mine.status == 200
    # With this key, another body is a mismatch for the same tenant, and a new job for another one.
    other = {**body, "input": {"text": "of two"}}
    assert first.call("POST", "/v1/execute", other, key).status == 422
    theirs = second.call("POST", "/v1/execute", other, key)
    assert (theirs.status, theirs.body["result"]["text"]) == (200, "of two")
    assert theirs.body["job_id"] != mine.body["job_id"]
    assert "Idempotency-Replayed" not in theirs.headers
    # All API keys of a tenant share its idempotency keys.
    assert client_of("one").call("POST", "/v1/execute", body, key).body["job_id"] == mine.body["job_id"]
