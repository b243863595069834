"""Environments that are restored from one snapshot share nothing that must be unique (SnapStart)."""

import json
import os
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import snapshot_restore_py
from awslambdaric import lambda_runtime_hooks_runner as runtime

from interlock.adapters import aws as aws_clients
from interlock.composition.snapshots import Restorable
from interlock.domain.times import rfc3339, utc_now
from interlock.sandbox import Code, Completed, Sandbox
from tests.process.core.plugin_files import added_file, build
from tests.process.core.test_function_imports import ENVIRONMENT
from tests.process.sandbox.harness import PATIENT, TARGET

type Json = dict[str, Any]
ROOT = Path(__file__).parents[3]


PLUGIN = """
import random, secrets
from pydantic import BaseModel
from interlock.plugin import Plugin, ToolContext, tool

class Nothing(BaseModel):
    pass

class Drawn(BaseModel):
    random: float
    secret: str

class Dice(Plugin):
    "Draws random numbers."
    name, version = "dice", "1.0.0"

    @tool(timeout_s=20)
    def draw(self, input: Nothing, context: ToolContext) -> Drawn:
        return {"random": random.random(), "secret": secrets.token_hex()}
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """The write of a job's claim: the key that signed it, its connection, and the job."""

    access_key: str
    connection: int
    job: Json


@dataclass
class Aws:
    """An endpoint that accepts every write and issues new credentials for each request."""

    url: str = ""
    issued: int = 0
    claims: list[Claim] = field(default_factory=list)

    def credentials(self) -> Json:
        self.issued += 1
        until = rfc3339(utc_now() + timedelta(hours=6))
        return {"AccessKeyId": f"KEY{self.issued}", "SecretAccessKey": "x", "Token": "y", "Expiration": until}


@pytest.fixture
def aws() -> Iterator[Aws]:
    found = Aws()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(found.credentials())

        def do_POST(self) -> None:
            [key] = re.findall(r"Credential=(\w+)/", self.headers["Authorization"])
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            match body:
                case {"TransactItems": [{"Put": {"Item": job}}, *_]}:
                    found.claims.append(Claim(key, self.client_address[1], job))
            # A slow run has a heartbeat, which expects the job.
            self._answer({"Attributes": found.claims[-1].job})

        def _answer(self, document: Json) -> None:
            content = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


@pytest.fixture
def index(tmp_path: Path, nothing_installed: None) -> Path:
    build(tmp_path, added_file(tmp_path, "dice.py", PLUGIN))
    return tmp_path / "index"


def restored(aws: Aws, index: Path) -> list[Json]:
    """Return the reports of the function before its snapshot and of two environments restored from it."""
    event = json.loads((ROOT / "events" / "execute-ocr.json").read_text())
    event["body"] = json.dumps({"plugin": "dice", "tool": "draw", "input": {}})
    event["requestContext"]["authorizer"]["concurrency"] = "5"  # so that the claim is written, before the run
    environment = {name: value for name, value in ENVIRONMENT.items() if name.startswith("INTERLOCK_")} | {
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{aws.url}/credentials",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
        "INTERLOCK_PLUGIN_INDEX": str(index),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.process.core.restored_environments"],
        cwd=ROOT / "functions" / "execute",
        env=environment,
        input=json.dumps(event),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    reports: list[Json] = json.loads(done.stdout.splitlines()[-1])
    return reports


def test_environments_of_one_snapshot_share_nothing_that_must_be_unique(aws: Aws, index: Path) -> None:
    reports = restored(aws, index)
    assert [report["status"] for report in reports] == [200, 200, 200], reports
    assert len(aws.claims) == 3
    # One claim by the function before its snapshot, and one by each restored environment.
    assert [claim.access_key for claim in aws.claims] == ["KEY1", "KEY2", "KEY3"]
    assert len({claim.connection for claim in aws.claims}) == 3
    assert len({claim.job["worker_id"]["S"] for claim in aws.claims}) == 3
    assert len({claim.job["pk"]["S"] for claim in aws.claims}) == 3
    results = [report["body"]["result"] for report in reports]
    assert len({result["random"] for result in results}) == len({result["secret"] for result in results}) == 3
    first, second = reports[1:]
    assert first["random"] != second["random"]


SPAWNED = """
import random, secrets, uuid
result = random.random(), secrets.token_hex(), uuid.uuid4()
"""


def test_worker_processes_of_one_zygote_share_no_random_state() -> None:
    """A snapshot copies the zygote: worker processes forked from the copies share no more than those of one zygote."""
    sandbox = Sandbox(TARGET, preload=["random", "secrets", "uuid"])
    try:
        sandbox.wait_until_ready()
        endings = [sandbox.run(Code(), key, SPAWNED.encode(), PATIENT) for key in ("first", "second", "third")]
    finally:
        sandbox.close()
    drawn = [ending.payload.decode().split(", ") for ending in endings if isinstance(ending, Completed)]
    assert len(drawn) == 3
    assert [len(set(values)) for values in zip(*drawn, strict=True)] == [3, 3, 3]


@pytest.fixture
def with_snapstart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function with SnapStart, in which no hook is registered yet."""
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    monkeypatch.setattr(snapshot_restore_py, "_before_snapshot_registry", [])
    monkeypatch.setattr(snapshot_restore_py, "_after_restore_registry", [])


@pytest.mark.usefixtures("with_snapstart")
def test_application_is_composed_again_after_each_restore() -> None:
    composed: list[object] = []
    ready: list[bool] = []

    def compose() -> object:
        composed.append(object())
        return composed[-1]

    app = Restorable(compose, before_snapshot=lambda: ready.append(True))
    runtime.run_before_snapshot()
    assert ready == [True]
    assert app.current is composed[0]
    for number in (1, 2):
        session = aws_clients.session()
        runtime.run_after_restore()
        assert app.current is composed[number]
        assert aws_clients.session() is not session


@pytest.mark.usefixtures("with_snapstart")
def test_random_numbers_after_a_restore_do_not_follow_from_the_snapshot() -> None:
    Restorable(object)
    snapshot = random.getstate()
    drawn = set()
    for _ in range(3):
        random.setstate(snapshot)
        runtime.run_after_restore()
        drawn.add(random.random())
    assert len(drawn) == 3


def test_services_are_described_once_for_all_restores() -> None:
    loader = aws_clients.session().get_component("data_loader")
    aws_clients.renew_session()
    assert aws_clients.session().get_component("data_loader") is loader


def test_hooks_are_registered_only_in_functions_with_snapstart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", None)
    assert Restorable(lambda: "composed").current == "composed"
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    with pytest.raises(ImportError):
        Restorable(lambda: "composed")
