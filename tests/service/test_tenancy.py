"""Guessed ids and cursors never reach another tenant's jobs, with the real handlers on a moto table."""

import base64
import random
import string
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from ulid import ULID

from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.adapters.dynamo.secrets import DynamoSecrets
from interlock.http.cursors import SECRET_NAME
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.world import World
from tests.service.clients import create_table
from tests.volume import volume

IDS, CURSORS = volume(sample=600, full=3000), volume(sample=200, full=7000)
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
URL_SAFE = string.ascii_letters + string.digits + "-_"
WAYS = [("GET", "/v1/jobs/{}"), ("GET", "/v1/jobs/{}/result"), ("GET", "/v1/jobs/{}/events")]
WAYS += [("POST", "/v1/jobs/{}/cancel"), ("DELETE", "/v1/jobs/{}")]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("dynamodb")
        create_table(client, "jobs")
        world = World(tmp_path, a_plugin("echo", a_tool("say")), store=DynamoJobs(client, "jobs"))
        world.secrets.secret = DynamoSecrets(client, "jobs").secret  # type: ignore[method-assign]
        yield world


def _jobs(world: World, tenant: str, count: int) -> list[str]:
    """Create jobs with a secret in their inputs, half of them pending, and return their ids."""
    ids = []
    for number in range(count):
        body = {"plugin": "echo", "input": {"text": f"secret of {tenant}"}}
        headers = {"Prefer": "respond-async"} if number % 2 else None
        ids.append(world.request("POST", "/v1/execute", body, tenant=tenant, headers=headers).body["job_id"])
        world.clock.advance(0.01)
    return ids


def _changed(text: str, chance: random.Random, alphabet: str) -> str:
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(text))
        text = text[:place] + chance.choice(alphabet) + text[place + 1 :]
    return text


def test_guessed_job_ids_find_nothing(world: World) -> None:
    chance, ids = random.Random(11), _jobs(world, "acme", 20)
    before = [world.request("GET", f"/v1/jobs/{one}", tenant="acme").body for one in ids]
    tricks = [
        trick.format(one) for one in ids for trick in ("acme#{}", "#{}", "{}#JOB", " {}", "{}%00", "../{}", "{}0")
    ]
    guesses = [*ids, *tricks, *(one.lower() for one in ids)]
    guesses += [_changed(chance.choice(ids), chance, CROCKFORD) for _ in range(IDS // 2)]
    guesses += [str(ULID()) for _ in range(IDS - len(guesses) - len(ids) * len(WAYS))]
    calls = [(WAYS[number % len(WAYS)], guess) for number, guess in enumerate(guesses)]
    calls += [(way, one) for way in WAYS for one in ids]
    assert len(calls) == IDS
    for (method, path), guess in calls:
        answer = world.request(method, path.format(guess), tenant="rival")
        assert (answer.status, answer.error["code"]) == (404, "not_found"), guess
        assert "secret" not in str(answer.body)
    # The jobs are unchanged as well.
    assert [world.request("GET", f"/v1/jobs/{one}", tenant="acme").body for one in ids] == before


def test_guessed_cursors_are_refused(world: World) -> None:
    chance = random.Random(13)
    _jobs(world, "acme", 12)
    _jobs(world, "rival", 3)
    queries = [{}, {"plugin": ["echo"]}, {"status": ["pending"]}, {"plugin": ["echo"], "tool": ["say"]}]
    cursors = [
        world.request("GET", "/v1/jobs", query={**query, "limit": [str(size)]}, tenant="acme").body["next_cursor"]
        for query in queries
        for size in (1, 2, 3)
    ]
    assert all(cursors)
    tried = [(cursor, query) for cursor in cursors for query in queries]
    while len(tried) < CURSORS:
        made = [
            _changed(chance.choice(cursors), chance, URL_SAFE),
            base64.urlsafe_b64encode(chance.randbytes(42)).decode().rstrip("="),
            # The position of one cursor with the signature of another.
            chance.choice(cursors)[:35] + chance.choice(cursors)[35:],
        ]
        tried += [(cursor, chance.choice(queries)) for cursor in made if cursor not in cursors]
    for cursor, query in tried[:CURSORS]:
        answer = world.request("GET", "/v1/jobs", query={**query, "cursor": [cursor]}, tenant="rival")
        assert (answer.status, answer.error["code"]) == (400, "invalid_request"), cursor
    assert len(world.secrets.secret(SECRET_NAME)) == 32


def test_idempotency_keys_are_each_tenants_own(world: World) -> None:
    body = {"plugin": "echo", "input": {"text": "x"}}
    ids = {
        world.request("POST", "/v1/execute", body, headers={"Idempotency-Key": "k"}, tenant=tenant).body["job_id"]
        for tenant in ("a", "b", "a.b", "a-b", "A")
        for _ in range(2)
    }
    assert len(ids) == 5
