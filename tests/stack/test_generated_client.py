"""A client that openapi-python-client generates from the served document drives the service."""

import json
import os
import subprocess
from pathlib import Path

from interlock_dev.stack.client import Client

ROOT = Path(__file__).parents[2]
JOURNEY = Path(__file__).parent / "client_journey.py"


def tool(name: str, command: str) -> str:
    """Return the path of a command in the environment of a tool (`requirements/tools/NAME.in`)."""
    path = ROOT / ".tools" / name / "bin" / command
    assert path.exists(), f"run: make .tools/{name}/.installed"
    return str(path)


def test_a_generated_client_drives_the_service(client: Client, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(client.call("GET", "/v1/openapi.json").body))
    python = tool("client", "python")
    # The generator formats its output with the ruff on the PATH.
    environment = {"PATH": f"{Path(python).parent}:{os.defpath}", "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)}
    generate = [
        tool("client", "openapi-python-client"), "generate", "--path", str(document), "--meta", "none",
        "--output-path", str(tmp_path / "generated_client"), "--fail-on-warning",
    ]  # fmt: skip
    generated = subprocess.run(generate, env=environment, capture_output=True, text=True, check=False)
    assert generated.returncode == 0, generated.stdout + generated.stderr
    assert "WARNING" not in (generated.stdout + generated.stderr).upper()

    driven = subprocess.run(
        [python, str(JOURNEY), client.url, client.api_key], env=environment, capture_output=True, text=True, check=False
    )
    assert (driven.returncode, driven.stdout) == (0, "all as documented\n"), driven.stderr
