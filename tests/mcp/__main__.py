"""Run the conformance suite and the Inspector against a local stack: `python -m tests.mcp`."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from interlock_dev.stack.client import Client
from tests.mcp import inspector, proxy

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
TOOL = ROOT / ".tools/mcp/node_modules/.bin"
EXPECTED = FOLDER / "expected-failures.yaml"
REVISION = "2026-07-28"
API_KEY = "conformance-key"

# Both programs need Node.js 22: that of the npm package, if it supports this machine.
ENVIRONMENT = {**os.environ, "PATH": f"{TOOL}{os.pathsep}{os.environ['PATH']}"}

type Checks = Mapping[str, list[dict[str, Any]]]
"""The checks of the suite by scenario."""


@contextmanager
def stack() -> Iterator[str]:
    """Serve a local stack with the plugin of the suite, and yield its URL."""
    interlock = str(Path(sys.executable).with_name("interlock"))
    plugin = str(FOLDER / "plugin.py")
    command = [interlock, "dev", "--port", "0", "--quiet", "--api-key", API_KEY, "--plugin", plugin]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            ready = process.stdout.readline() if process.stdout else ""
            if not ready.startswith("ready "):
                raise SystemExit("the local stack did not start")
            url = ready.split()[1]
            # The suite gives a call 600 ms, which a cold start exceeds.
            assert Client(url, API_KEY).execute("conformance", "greet", {"name": "suite"}).status == 200
            yield url
        finally:
            process.terminate()


def run_suite(url: str, results: Path) -> int:
    """Run the suite and print its output. Return its exit code: 0 if only expected checks failed."""
    command = [str(TOOL / "conformance"), "server", "--url", url, "--requirements", REVISION]
    command += ["--expected-failures", str(EXPECTED), "--output-dir", str(results)]
    return subprocess.run(command, env=ENVIRONMENT, check=False).returncode


def read_checks(results: Path) -> Checks:
    """Return the checks that the suite has stored."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in results.glob("*/checks.json"):
        [scenario] = re.findall(r"^server-(.+?)-20\d\d-\d\d-\d\dT", file.parent.name)
        found[scenario] = json.loads(file.read_text())
    return found


def surprises(checks: Checks) -> list[str]:
    """Return the failures that the suite reports but does not judge, because extensions are optional."""
    known = {one.partition(":")[0] for one in yaml.safe_load(EXPECTED.read_text())["server"]}
    failed = {
        f"{scenario}:{one['id']}" for scenario, several in checks.items() for one in several
        if one["status"] == "FAILURE" and scenario not in known
    }  # fmt: skip
    return sorted(failed)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        with stack() as origin, proxy.running(origin, API_KEY) as url:
            code = run_suite(url, Path(folder))
            inspected = list(inspector.problems(origin, API_KEY, ENVIRONMENT | {"HOME": folder}))
        checks = read_checks(Path(folder))
    found, surprising = Counter(one["status"] for several in checks.values() for one in several), surprises(checks)
    counts = ", ".join(f"{number} {status.lower()}" for status, number in sorted(found.items()))
    failed = code != 0 or surprising or inspected or "tasks-lifecycle" not in checks
    sys.stdout.write(f"\n{REVISION}: {len(checks)} scenarios, checks: {counts}\n")
    sys.stdout.writelines(f"unexpected: {one}\n" for one in surprising)
    sys.stdout.writelines(f"Inspector: {one}\n" for one in inspected or ["lists and calls tools"])
    sys.stdout.write("failed\n" if failed else "passed: all other failures are expected\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
