"""A run finds nothing that a run for another tenant has left behind."""

import itertools
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from interlock_dev.stack.client import Client
from tests.stack.access.conftest import ClientOf
from tests.stack.plugins.remembering import WAYS
from tests.volume import volume

pytestmark = pytest.mark.xdist_group("access")

ALTERNATIONS = volume(sample=len(WAYS), full=50)

type Call = Callable[..., dict[str, Any]]


def result_of(client: Client, tool: str, **input: str) -> dict[str, Any]:
    answer = client.execute("remembering", tool, input)
    assert answer.status == 200, answer.body
    result: dict[str, Any] = answer.body["result"]
    return result


@pytest.fixture(scope="module")
def one(client_of: ClientOf) -> Client:
    return client_of("one")


@pytest.fixture(scope="module")
def other(client_of: ClientOf) -> Client:
    return client_of("other")


def test_no_tenant_finds_what_a_run_of_another_has_left(one: Client, other: Client) -> None:
    zygotes = set()
    for number, way in zip(range(ALTERNATIONS), itertools.cycle(WAYS)):
        tenant, next_tenant = (one, other) if number % 2 else (other, one)
        secret = secrets.token_hex(16)
        left = result_of(tenant, "remember", way=way, text=secret)
        found = result_of(next_tenant, "recall", text=secret)
        assert found["ways"] == [], way
        assert found["process"] != left["process"]
        zygotes |= {left["zygote"], found["zygote"]}
    assert len(zygotes) < ALTERNATIONS, "the runs did not share an environment"


@pytest.mark.parametrize("way", ["a module's variable", "a class attribute", "a cache", "the C library's memory"])
def test_a_tenant_finds_what_its_own_run_has_left(one: Client, way: str) -> None:
    secret = secrets.token_hex(16)
    left = result_of(one, "remember", way=way, text=secret)
    assert left["ways"] == [way]
    assert result_of(one, "recall", text=secret) == left


def test_a_tool_may_have_a_process_for_each_run(one: Client) -> None:
    secret = secrets.token_hex(16)
    left = [result_of(one, "remember_in_vain", way="a module's variable", text=secret) for _ in range(2)]
    assert left[0]["process"] != left[1]["process"]
    assert result_of(one, "recall", text=secret)["ways"] == []


def test_a_plugins_page_shows_how_its_runs_are_isolated(one: Client) -> None:
    page = one.call("GET", "/v1/plugins/remembering").body
    assert page["fork_safe"] is True
    assert {tool["name"]: tool["isolation"] for tool in page["tools"]} == {
        "remember": "tenant",
        "recall": "tenant",
        "remember_in_vain": "run",
    }
