"""The operations of the client on API keys."""

import pytest

from interlock_client import ConnectionFailed
from tests.pure.client.script import OPERATIONS, answer, play


def test_keys_are_read_page_by_page() -> None:
    pages = [
        answer(200, {"keys": [{"key_id": "b"}], "next_cursor": "b"}),
        answer(200, {"keys": [{"key_id": "a"}], "next_cursor": None}),
    ]
    played = play(OPERATIONS.keys(), *pages)
    assert [key["key_id"] for key in played.emitted] == ["b", "a"]
    assert [dict(request.query).get("cursor") for request in played.requests] == [None, "b"]


def test_request_that_creates_a_key_is_sent_once() -> None:
    body = {"scopes": ["execute"], "name": None, "rate": "10/s"}
    assert play(OPERATIONS.create_key(body), answer(201, {"key": "k"})).bodies == [
        {"scopes": ["execute"], "rate": "10/s"}
    ]
    with pytest.raises(ConnectionFailed):
        play(OPERATIONS.create_key(body), ConnectionFailed("lost"))


def test_revoking_a_key_is_retried() -> None:
    played = play(OPERATIONS.revoke_key("a/b"), ConnectionFailed("lost"), answer(200, {"state": "revoked"}))
    assert played.calls == ["DELETE /v1/keys/a%2Fb"] * 2
    assert played.result == {"state": "revoked"}
