"""`interlock mcp`: the configuration for clients of the Model Context Protocol that use the tools of a service."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from interlock_dev.commands.exits import Exit
from interlock_dev.commands.options import Target
from interlock_dev.commands.remote.output import print_json
from interlock_dev.commands.remote.profiles import did_you_mean
from interlock_dev.commands.remote.target import resolve
from interlock_dev.project.errors import UsageError

NAME = "interlock"
HEADER = "X-API-Key"
VARIABLE = "INTERLOCK_API_KEY"
PLACEHOLDER = "YOUR-API-KEY"
MCP_REMOTE = "mcp-remote@0.15.1"
"""The npm package for clients that can only start local servers. Its version is exact, since it gets the key."""


@dataclass(frozen=True, slots=True)
class Server:
    """The service's MCP server. `key` None: configurations refer to the environment or ask for the key."""

    url: str
    key: str | None


@dataclass(frozen=True, slots=True)
class McpClient:
    """A client: where its configuration belongs, and how the text is made."""

    title: str
    where: str
    text: Callable[[Server], str]


def show_configurations(target: Target, client: str | None, *, show_key: bool, json: bool) -> Exit:
    """Print the configuration of one client, or of all. Raise `UsageError`."""
    if client is not None and client not in CLIENTS:
        hint = did_you_mean(client, CLIENTS)
        raise UsageError(f"there is no client {client!r}{hint} (there are: {', '.join(CLIENTS)})")
    service = resolve(target)
    if show_key and not service.key:
        raise UsageError(f"--show-key: no key is known: give --key, or set {VARIABLE}")
    server = Server(f"{service.url}/mcp", service.key if show_key else None)
    chosen = CLIENTS if client is None else {client: CLIENTS[client]}
    if json:
        print_json({"url": server.url, "clients": [_document(name, one, server) for name, one in chosen.items()]})
    elif client is None:
        sections = (f"# {one.title}: {one.where}\n\n{one.text(server)}\n" for one in chosen.values())
        sys.stdout.write("\n".join(sections))
    else:
        sys.stderr.write(f"{chosen[client].title}: {chosen[client].where}\n")
        sys.stdout.write(f"{chosen[client].text(server)}\n")
    return Exit.OK


def _document(name: str, client: McpClient, server: Server) -> dict[str, str]:
    return {"client": name, "title": client.title, "where": client.where, "text": client.text(server)}


def _headers(server: Server, reference: str) -> Mapping[str, str]:
    return {HEADER: server.key or reference}


def _claude_code(server: Server) -> str:
    # The scope is `project`, because Claude Code replaces references in the project's file at each start.
    header = f"{HEADER}: {server.key or f'${{{VARIABLE}}}'}"
    words = ["claude", "mcp", "add", "--transport", "http", "--scope", "project", NAME, server.url, "--header", header]
    return shlex.join(words)


def _claude_desktop(server: Server) -> str:
    insecure = ["--allow-http"] if urlsplit(server.url).scheme == "http" else []
    header = f"{HEADER}:${{{VARIABLE}}}"
    arguments = ["-y", MCP_REMOTE, server.url, "--transport", "http-only", *insecure, "--header", header]
    environment = {VARIABLE: server.key or PLACEHOLDER}
    return _servers({"command": "npx", "args": arguments, "env": environment})


def _vscode(server: Server) -> str:
    key = {"type": "promptString", "id": "interlock-key", "description": "API key of Interlock", "password": True}
    headers = _headers(server, f"${{input:{key['id']}}}")
    inputs = {} if server.key else {"inputs": [key]}
    return _json({**inputs, "servers": {NAME: {"type": "http", "url": server.url, "headers": headers}}})


def _cursor(server: Server) -> str:
    return _servers({"url": server.url, "headers": _headers(server, f"${{env:{VARIABLE}}}")})


def _codex(server: Server) -> str:
    kind, value = ("http_headers", server.key) if server.key else ("env_http_headers", VARIABLE)
    # Strings of JSON are strings of TOML.
    headers = f"{{ {json.dumps(HEADER)} = {json.dumps(value)} }}"
    return f"[mcp_servers.{NAME}]\nurl = {json.dumps(server.url)}\n{kind} = {headers}"


def _gemini(server: Server) -> str:
    return _servers({"httpUrl": server.url, "headers": _headers(server, f"${{{VARIABLE}}}")})


def _others(server: Server) -> str:
    return _servers({"type": "http", "url": server.url, "headers": _headers(server, f"${{{VARIABLE}}}")})


def _servers(server: Mapping[str, Any]) -> str:
    return _json({"mcpServers": {NAME: server}})


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2)


CLIENTS: Mapping[str, McpClient] = {
    "claude-code": McpClient("Claude Code", "run in the project's folder", _claude_code),
    "claude-desktop": McpClient("Claude Desktop", "claude_desktop_config.json; needs Node.js", _claude_desktop),
    "vscode": McpClient("VS Code", ".vscode/mcp.json", _vscode),
    "cursor": McpClient("Cursor", ".cursor/mcp.json, or ~/.cursor/mcp.json for all projects", _cursor),
    "codex": McpClient("Codex", "~/.codex/config.toml", _codex),
    "gemini": McpClient("Gemini CLI", ".gemini/settings.json, or ~/.gemini/settings.json for all projects", _gemini),
    "other": McpClient("Other clients", "the form that most of them read, such as .mcp.json", _others),
}
"""The clients by the name that the command takes."""
