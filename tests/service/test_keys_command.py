"""`interlock keys`: its output, the arguments that it refuses, and how it finds the table. moto emulates AWS."""

import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from interlock.adapters.dynamo.keys import DynamoKeys
from interlock.domain.access import hash_key
from interlock.domain.key_format import KEY_PATTERN, is_mistyped
from interlock.domain.times import from_rfc3339
from interlock_dev.commands.cli import main
from interlock_dev.commands.exits import Exit
from interlock_dev.project.paths import Project, RunningStack
from tests.service.clients import create_table

STACK = json.dumps(
    {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}, "Outputs": {"TableName": {"Value": "keys-of-a-stack"}}}
)
OTHER = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})


@pytest.fixture(autouse=True)
def _stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A deployed stack of Interlock with its table, and a stack of something else."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        create_table(boto3.client("dynamodb"), "keys-of-a-stack")
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(StackName="interlock", TemplateBody=STACK)
        cloudformation.create_stack(StackName="other", TemplateBody=OTHER)
        yield


def keys() -> DynamoKeys:
    return DynamoKeys(boto3.client("dynamodb"), "keys-of-a-stack")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["keys", *arguments, "--stack", "interlock"]) == 0
    return capsys.readouterr().out


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(run(capsys, *arguments, "--json"))


def a_key(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    made: dict[str, Any] = run_json(capsys, "create", "--tenant", "acme", "--scopes", "execute,jobs:read", *arguments)
    return made


# --- create ---


def test_a_key_is_shown_once_and_kept_as_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    made = a_key(capsys, "--expires", "90d", "--rate", "10/s", "--concurrency", "4", "--name", "of the lab")
    assert re.fullmatch(KEY_PATTERN, made["key"])
    assert not is_mistyped(made["key"])
    kept = keys().get(hash_key(made["key"]))
    assert kept == keys().find(made["key_id"])
    assert kept is not None
    assert (kept.tenant, kept.scopes) == ("acme", frozenset({"execute", "jobs:read"}))
    assert (str(kept.rate), kept.concurrency, kept.name) == ("10/s", 4, "of the lab")
    assert (made["tenant"], made["scopes"]) == ("acme", ["execute", "jobs:read"])
    lifetime = from_rfc3339(made["expires_at"]) - from_rfc3339(made["created_at"])
    assert lifetime.days == 90
    assert kept.expires_at == from_rfc3339(made["expires_at"])
    assert made["key"] not in run(capsys, "list") + run(capsys, "list", "--json")


def test_key_created_without_limits_has_no_limits(capsys: pytest.CaptureFixture[str]) -> None:
    made = a_key(capsys)
    assert [made[name] for name in ("expires_at", "rate", "concurrency", "name", "revoked_at")] == [None] * 5


@pytest.mark.parametrize("scopes", [["execute,jobs:read"], ["execute", "jobs:read"], ["execute jobs:read"]])
def test_scopes_are_accepted_in_any_notation(capsys: pytest.CaptureFixture[str], scopes: list[str]) -> None:
    assert run_json(capsys, "create", "--tenant", "t", "--scopes", *scopes)["scopes"] == ["execute", "jobs:read"]


def test_key_is_printed_to_standard_output_and_the_warning_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["keys", "create", "--tenant", "t", "--scopes", "admin", "--stack", "interlock"]) == 0
    shown = capsys.readouterr()
    assert re.search(rf"^key +{KEY_PATTERN}$", shown.out, re.MULTILINE)
    assert "expires_at   never" in shown.out
    assert "this once" in shown.err


# --- list ---


def test_the_list_shows_everything_but_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    first = a_key(capsys, "--name", "one")
    second = run_json(capsys, "create", "--tenant", "rival", "--scopes", "admin")
    listed = run_json(capsys, "list")
    assert [one["key_id"] for one in listed] == [first["key_id"], second["key_id"]]
    assert listed[0] == {name: value for name, value in first.items() if name != "key"}
    assert listed[0]["hint"] == first["key"][-4:]
    assert [one["tenant"] for one in run_json(capsys, "list", "--tenant", "rival")] == ["rival"]
    lines = run(capsys, "list").splitlines()
    assert lines[0].split()[:3] == ["key_id", "tenant", "scopes"]
    assert first["key_id"] in lines[1]


def test_empty_list_of_keys_is_valid_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_json(capsys, "list") == []
    assert len(run(capsys, "list").splitlines()) == 1


# --- revoke, rotate ---


def test_a_revoked_key_shows_its_revocation_time(capsys: pytest.CaptureFixture[str]) -> None:
    made = a_key(capsys)
    first = run_json(capsys, "revoke", made["key_id"])
    again = run_json(capsys, "revoke", made["key_id"])
    assert (first["state"], first["revoked_at"]) == ("revoked", again["revoked_at"])
    assert run_json(capsys, "list")[0]["state"] == "revoked"


def test_rotating_keeps_the_rights_and_both_work_for_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    old = a_key(capsys, "--expires", "30d", "--rate", "5/m", "--concurrency", "2", "--name", "n")
    new = run_json(capsys, "rotate", old["key_id"], "--overlap", "2h")
    same = ("tenant", "scopes", "rate", "concurrency", "name")
    assert [new[name] for name in same] == [old[name] for name in same]
    assert new["key_id"] != old["key_id"]
    assert (from_rfc3339(new["expires_at"]) - from_rfc3339(new["created_at"])).days == 30
    kept = keys().find(old["key_id"])
    assert kept is not None
    assert kept.expires_at == from_rfc3339(new["replaces"]["expires_at"])
    assert (kept.expires_at - from_rfc3339(new["created_at"])).total_seconds() == 7200


def test_rotation_does_not_extend_an_earlier_expiry(capsys: pytest.CaptureFixture[str]) -> None:
    old = a_key(capsys, "--expires", "10m")
    assert run_json(capsys, "rotate", old["key_id"])["replaces"]["expires_at"] == old["expires_at"]


@pytest.mark.parametrize("action", ["revoke", "rotate"])
def test_an_unknown_id_is_reported(capsys: pytest.CaptureFixture[str], action: str) -> None:
    assert complaint(capsys, action, "nobody") == (
        "interlock: there is no key with the id 'nobody': see `interlock keys list`"
    )


def test_expired_key_is_not_rotated(capsys: pytest.CaptureFixture[str]) -> None:
    made = a_key(capsys)
    run(capsys, "revoke", made["key_id"])
    assert f"key {made['key_id']} is revoked" in complaint(capsys, "rotate", made["key_id"])


# --- Errors ---


def complaint(
    capsys: pytest.CaptureFixture[str], *arguments: str, stack: str | None = "interlock", expected: int = Exit.USAGE
) -> str:
    """Run a command that must fail with this status. Return the only line that it prints."""
    status = main(["keys", *arguments, *(["--stack", stack] if stack else [])])
    shown = capsys.readouterr()
    [line] = shown.err.splitlines()
    assert (status, shown.out) == (expected, "")
    return line


CREATE = ("create", "--tenant", "acme", "--scopes", "execute")


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (("create", "--scopes", "execute"), "--tenant"),
        (("create", "--tenant", "acme"), "--scopes"),
        (("create", "--tenant", "a#b", "--scopes", "execute"), "--tenant"),
        (("create", "--tenant", "", "--scopes", "execute"), "--tenant"),
        (("create", "--tenant", "../x", "--scopes", "execute"), "--tenant"),
        (("create", "--tenant", "acme", "--scopes", "exec"), "--scopes"),
        (("create", "--tenant", "acme", "--scopes", ","), "--scopes"),
        *[((*CREATE, "--expires", text), "--expires") for text in ("", "0s", "90", "1y", "-1d", "1.5h", "9999999w")],
        *[((*CREATE, "--rate", text), "--rate") for text in ("10", "0/s", "10/d", "many/s")],
        *[((*CREATE, "--concurrency", text), "--concurrency") for text in ("0", "x", "1.5", "99999")],
        ((*CREATE, "--name", "two\nlines"), "--name"),
        ((*CREATE, "--name", "x" * 201), "--name"),
        ((*CREATE, "--stak", "x"), "--stak"),
        (("list", "--tenant", "a b"), "--tenant"),
        (("list", "--key", "k"), "--key needs --url or --profile"),
        (("list", "--url", "http://127.0.0.1:1", "--port", "4000"), "give one of them"),
        ((*CREATE, "--url", "http://127.0.0.1:1"), "--tenant: the API creates keys"),
        (("rotate", "id", "--url", "http://127.0.0.1:1"), "--url"),
        (("rotate", "id", "--overlap", "soon"), "--overlap"),
        (("rotate", "id", "--expires", "0s"), "--expires"),
        (("revoke",), "KEY_ID"),
        ((), "Missing command"),
        (("destroy",), "No such command 'destroy'"),
    ],
)
def test_a_bad_flag_is_named_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], flag: str
) -> None:
    assert flag in complaint(capsys, *arguments, stack=None)
    assert list(keys().listed()) == []


def test_a_foreign_stack_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no output TableName" in complaint(capsys, "list", stack="other")
    assert "AWS refuses: " in complaint(capsys, "list", stack="nowhere", expected=Exit.REFUSED)


def test_missing_region_is_reported_without_asking_aws(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert complaint(capsys, "list") == ("interlock: no AWS region is set: set AWS_REGION, or `region` in the profile")


def test_a_missing_local_stack_is_reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "template.yaml").write_text("Resources: {}")
    monkeypatch.chdir(tmp_path)
    for arguments, where in (
        ((), ""),
        (("--port", "4000"), " on port 4000"),
    ):
        line = complaint(capsys, "list", *arguments, stack=None, expected=Exit.UNREACHABLE)
        assert f"no local stack runs{where}: " in line
    monkeypatch.chdir(tmp_path.parent)
    assert "no template.yaml" in complaint(capsys, "list", stack=None)


def test_a_local_stack_without_its_table_is_reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "template.yaml").write_text("Resources: {}")
    monkeypatch.chdir(tmp_path)

    class NoTable(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(400)
            self.end_headers()
            self.wfile.write(b'{"__type": "ResourceNotFoundException", "message": "there is\\nno such table"}')

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), NoTable) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        Project(tmp_path).publish(
            RunningStack(url, url, "id", "secret", "key", "no-such-table", "b", "arn", "index", os.getpid())
        )
        assert "the table cannot be used: " in complaint(capsys, "list", stack=None, expected=Exit.UNREACHABLE)
        server.shutdown()
