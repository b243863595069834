"""The command line of the MCP Inspector, which is built on the TypeScript SDK, lists and calls tools of a stack."""

import base64
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "images/page.png"
TOOL = "image-inspect"
ERAS = ("legacy", "modern")
"""The Inspector's names for protocol versions with `initialize` and for those without."""


class Inspector:
    """Runs the command against a stack, in one of the eras."""

    def __init__(self, url: str, key: str, era: str, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._command = [
            "mcp-inspector", "--cli", f"{url}/mcp", "--transport", "http",
            "--header", f"X-API-Key: {key}", "--protocol-era", era,
        ]  # fmt: skip

    def run(self, *arguments: str) -> dict[str, Any]:
        """Return the document that the command prints."""
        done = subprocess.run(
            [*self._command, *arguments], env=self._environment, capture_output=True, text=True, check=False, timeout=60
        )
        try:
            printed: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            return {"printed": done.stdout, "errors": done.stderr}
        return printed

    def call(self, image: str) -> dict[str, Any]:
        return self.run("--method", "tools/call", "--tool-name", TOOL, "--tool-arg", f"image={image}")


def problems(url: str, key: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the unexpected outputs of the Inspector."""
    for era in ERAS:
        inspector = Inspector(url, key, era, environment)
        listed = inspector.run("--method", "tools/list")
        if TOOL not in {tool["name"] for tool in listed.get("tools", ())}:
            yield f"{era} tools/list: {listed}"
        called = inspector.call(base64.b64encode(PAGE.read_bytes()).decode())
        if called.get("structuredContent", {}).get("width") != 384:
            yield f"{era} tools/call: {called}"
    # In the modern era, this Inspector compares an error with the schema of the result, and shows the difference.
    failed = Inspector(url, key, ERAS[0], environment).call("AAAA")
    if not failed.get("isError") or "invalid_input" not in failed["content"][0]["text"]:
        yield f"failed tools/call: {failed}"
