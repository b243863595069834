"""What `interlock mcp` prints for each client."""

import json
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from interlock_dev.commands.options import Target
from interlock_dev.commands.remote.mcp import CLIENTS, HEADER, show_configurations
from interlock_dev.project.errors import UsageError

KEY = "il_secret'\"$"
URL = "https://api.example/prod"
TARGET = Target(url=f"{URL}/", key=KEY)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to an empty folder: commands would find a local stack that runs in the project."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return the configuration of a client, parsed as the client does."""

    def parse(client: str, *, show_key: bool) -> Any:
        show_configurations(TARGET, client, show_key=show_key, json=False)
        text = capsys.readouterr().out
        match client:
            case "claude-code":
                return shlex.split(text)
            case "codex":
                return tomllib.loads(text)["mcp_servers"]["interlock"]
            case "vscode":
                return json.loads(text)
            case _:
                return json.loads(text)["mcpServers"]["interlock"]

    return parse


EXPECTED: dict[str, tuple[Any, Any]] = {
    "cursor": (
        {"url": f"{URL}/mcp", "headers": {HEADER: "${env:INTERLOCK_API_KEY}"}},
        {"url": f"{URL}/mcp", "headers": {HEADER: KEY}},
    ),
    "codex": (
        {"url": f"{URL}/mcp", "env_http_headers": {HEADER: "INTERLOCK_API_KEY"}},
        {"url": f"{URL}/mcp", "http_headers": {HEADER: KEY}},
    ),
    "gemini": (
        {"httpUrl": f"{URL}/mcp", "headers": {HEADER: "${INTERLOCK_API_KEY}"}},
        {"httpUrl": f"{URL}/mcp", "headers": {HEADER: KEY}},
    ),
    "other": (
        {"type": "http", "url": f"{URL}/mcp", "headers": {HEADER: "${INTERLOCK_API_KEY}"}},
        {"type": "http", "url": f"{URL}/mcp", "headers": {HEADER: KEY}},
    ),
}
"""The configurations without and with the key."""


@pytest.mark.parametrize("client", EXPECTED)
def test_configuration_has_url_and_header(printed: Any, client: str) -> None:
    assert (printed(client, show_key=False), printed(client, show_key=True)) == EXPECTED[client]


def test_claude_code_is_a_command(printed: Any) -> None:
    words = printed("claude-code", show_key=False)
    assert words[:3] == ["claude", "mcp", "add"]
    assert words[-4:] == ["interlock", f"{URL}/mcp", "--header", f"{HEADER}: ${{INTERLOCK_API_KEY}}"]
    assert printed("claude-code", show_key=True)[-1] == f"{HEADER}: {KEY}"


def test_vscode_asks_for_the_key(printed: Any) -> None:
    asked = printed("vscode", show_key=False)
    [key] = asked["inputs"]
    assert (key["type"], key["password"]) == ("promptString", True)
    server = {"type": "http", "url": f"{URL}/mcp", "headers": {HEADER: f"${{input:{key['id']}}}"}}
    assert asked["servers"] == {"interlock": server}
    assert printed("vscode", show_key=True) == {"servers": {"interlock": {**server, "headers": {HEADER: KEY}}}}


def test_claude_desktop_starts_a_bridge_with_the_key_in_its_environment(printed: Any) -> None:
    server = printed("claude-desktop", show_key=True)
    assert (server["command"], server["env"]) == ("npx", {"INTERLOCK_API_KEY": KEY})
    assert f"{URL}/mcp" in server["args"]
    assert server["args"][-2:] == ["--header", f"{HEADER}:${{INTERLOCK_API_KEY}}"]
    assert "--allow-http" not in server["args"]


def test_all_clients_are_printed_without_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    show_configurations(TARGET, None, show_key=False, json=False)
    text = capsys.readouterr().out
    assert KEY not in text
    assert [line for line in text.splitlines() if line.startswith("# ")] == [
        f"# {one.title}: {one.where}" for one in CLIENTS.values()
    ]
    show_configurations(TARGET, None, show_key=False, json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["url"] == f"{URL}/mcp"
    assert [one["client"] for one in document["clients"]] == list(CLIENTS)
    assert all(one["text"] in text for one in document["clients"])


@pytest.mark.parametrize(
    ("target", "client", "message"),
    [
        (TARGET, "vscod", "there is no client 'vscod': did you mean 'vscode'?"),
        (Target(url=URL), "vscode", "--show-key: no key is known: give --key"),
    ],
)
def test_mistake_is_explained(target: Target, client: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTERLOCK_API_KEY", raising=False)
    with pytest.raises(UsageError) as raised:
        show_configurations(target, client, show_key=True, json=False)
    assert message in str(raised.value)
