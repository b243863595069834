"""The README's commands, as printed: a shell runs them against the local stack with the README's plugin."""

import json
import re
import shutil
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from interlock_dev.commands.remote.mcp import CLIENTS
from tests.documented import code_block
from tests.stack.stacks import ROOT, Running

pytestmark = pytest.mark.xdist_group("readme")

STAND_IN = f"{sys.executable} {Path(__file__).parent / 'curl.py'}"
CURL = shutil.which("curl") or STAND_IN

type Seen = list[tuple[str, str, int]]


@pytest.fixture(scope="module")
def stack(real: Running) -> Running:
    """The stack, in a folder in which the README's paths exist."""
    (real.project / "tests").symlink_to(ROOT / "tests")
    (real.project / ".venv").symlink_to(sys.prefix)
    return real


def pasted(stack: Running, lines: str, curl: str = STAND_IN) -> tuple[str, Seen]:
    """Run the lines; return their output and the method, path and status of each call of curl."""
    for printed, real in {
        "http://127.0.0.1:3000": stack.client.url,
        "dev-key": stack.client.api_key,
        "/tmp/": f"{stack.project}/",
    }.items():
        lines = lines.replace(printed, real)
    told = r"%{stderr}%{method} %{url_effective} %{http_code}\n"
    lines = f"set -o pipefail\ncurl() {{ command {curl} -w '{told}' \"$@\"; }}\n{lines}"
    run = subprocess.run(
        ["bash", "-u"], input=lines, cwd=stack.project, capture_output=True, text=True, check=False, timeout=120
    )
    seen = re.findall(r"^([A-Z]+) (http\S+) (\d+)$", run.stderr, re.MULTILINE)
    assert "error" not in run.stderr.lower(), run.stderr
    return run.stdout, [(method, url.removeprefix(stack.client.url), int(status)) for method, url, status in seen]


def test_readme_calls_work_when_pasted_together(stack: Running) -> None:
    printed, seen = pasted(stack, code_block("README.md", "sh", "export INTERLOCK="), CURL)
    bucket = re.compile(r"http://.*/uploads/dev/.*X-Amz-Signature.*")
    named = [
        (method, bucket.sub("BUCKET", re.sub("[0-9A-HJKMNP-TV-Z]{26}", "JOB", path)), status)
        for method, path, status in seen
    ]
    # The job is polled until it has finished.
    assert [call for call, _ in groupby(named)] == [
        ("POST", "/v1/execute", 200),
        ("POST", "/v1/execute", 202),
        ("GET", "/v1/jobs/JOB", 200),
        ("GET", "/v1/jobs/JOB/result", 200),
        ("GET", "/v1/jobs?plugin=ocr&status=succeeded&limit=10", 200),
        ("GET", "/v1/jobs/JOB/events?after=0", 200),
        ("POST", "/v1/uploads", 201),
        ("PUT", "BUCKET", 200),
        ("POST", "/v1/execute", 200),
        ("POST", "/v1/jobs/JOB/cancel", 409),
        ("GET", "/v1/plugins", 200),
        ("GET", "/v1/plugins/ocr", 200),
        ("GET", "/v1/plugins/ocr/health", 200),
        ("GET", "/v1/health", 200),
    ]
    # Printed by the synchronous call, the job, and the call with an upload.
    assert printed.count("Region-based segmentation") == 3


def test_readme_commands_work_when_pasted_together(stack: Running) -> None:
    printed, _ = pasted(stack, code_block("README.md", "sh", ".venv/bin/interlock run"))
    assert "Region-based segmentation" in printed
    assert (stack.project / "thumbnail.png").read_bytes().startswith(b"\x89PNG")
    assert re.search(r"ocr\.analyze +succeeded", printed)


def test_readme_client_prints_the_text(stack: Running) -> None:
    lines = "\n".join(["python - <<'END'", code_block("README.md", "python", "from pathlib"), "END"])
    printed, _ = pasted(stack, f"PATH=.venv/bin:$PATH\n{lines}")
    assert "Region-based segmentation" in printed


def test_readme_prints_the_configuration_of_agents(stack: Running) -> None:
    printed, _ = pasted(stack, code_block("README.md", "sh", ".venv/bin/interlock mcp"))
    assert printed.count(f"{stack.client.url}/mcp") == len(CLIENTS) + 1


def test_the_keys_command_works_as_printed(stack: Running) -> None:
    printed, _ = pasted(stack, code_block("README.md", "sh", "interlock keys create"))
    key = dict(line.split(maxsplit=1) for line in printed.splitlines() if line.startswith(("key ", "tenant", "scopes")))
    assert (key["tenant"], key["scopes"]) == ("acme", "execute,jobs:read")
    assert re.search(rf"^\S+ +acme .* active .* 10/s +4 +{key['key'][-4:]} ", printed, re.MULTILINE)


def test_the_plugin_of_the_readme_counts_words(stack: Running) -> None:
    starts, _, call = code_block("README.md", "sh", "--plugin word_count.py").partition("\n")
    assert starts == ".venv/bin/interlock dev --api-key dev-key --plugin word_count.py"
    printed, seen = pasted(stack, call)
    assert seen == [("POST", "/v1/execute", 200)]
    assert json.loads(printed)["result"] == {"words": 3}


def test_batch_of_the_page_is_submitted_watched_and_collected(stack: Running) -> None:
    printed, seen = pasted(stack, code_block("docs/batches.md", "sh", "export INTERLOCK="))
    paths = [re.sub("[0-9A-HJKMNP-TV-Z]{26}", "BATCH", f"{method} {path}") for method, path, _ in seen]
    *watched, results, bucket = [path for path, _ in groupby(paths)]
    assert watched == ["POST /v1/batches", "GET /v1/batches/BATCH"]
    assert results == "GET /v1/batches/BATCH/results"
    assert "X-Amz-Signature" in bucket
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith('{"index"')]
    assert [(line["key"], line["status"]) for line in lines] == [("page-1", "succeeded"), (None, "succeeded")]
