"""An AWS to deploy to: ministack, in its own environment and process, on loopback, over TLS, with IAM enforced.

Functions run with sessions of their roles, and the action and resource of their calls are checked.
`dynamodb:LeadingKeys` is not supported; the local stack and tests/service/test_permissions.py check it.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import requests

from interlock_dev.project.processes import end_tree, guarded

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".tools" / "ministack" / "bin" / "ministack"
ACCOUNT = "123456789012"
REGION = "us-east-1"
START_LIMIT_S = 60


@dataclass(frozen=True, slots=True)
class Aws:
    """An account at an endpoint, with the owner's permissions."""

    url: str
    certificate: Path
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that make an SDK, or sam, use this endpoint only."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CA_BUNDLE": str(self.certificate),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: Any) -> Any:
        session = boto3.session.Session("test", "test", region_name=REGION)
        return session.client(service, endpoint_url=self.url, verify=str(self.certificate))


@contextmanager
def running(folder: Path) -> Iterator[Aws]:
    """Run ministack with all its files in `folder`. Its processes, and those of the functions, end with it."""
    port = _free_port()
    log = folder / "ministack.log"
    environment = {
        "PATH": f"{PROGRAM.parent}:/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        # The bucket refuses plain HTTP. openssl creates a certificate, which the functions trust.
        "USE_SSL": "1",
        "LAMBDA_EXECUTOR": "local",
        # Functions inherit this. Layers are unpacked to the emulator's own folders and not to /opt, where the index is.
        "INTERLOCK_PLUGIN_INDEX": str(ROOT / ".aws-sam" / "build" / "PluginLayer" / "python" / "interlock_index"),
        # Listeners of other services.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            guarded([str(PROGRAM)]), cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            aws = Aws(f"https://127.0.0.1:{port}", folder / "ministack-tls" / "server.crt", log)
            _wait_until_it_answers(aws, process)
            with patch.dict(os.environ, {"REQUESTS_CA_BUNDLE": str(aws.certificate)}):
                yield aws
        finally:
            end_tree(process)
            left = _processes_of(folder)
            assert not left, f"still running: {left}"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_until_it_answers(aws: Aws, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until:
        assert process.poll() is None, f"ministack did not start: {aws.log.read_text()[-2000:]}"
        try:
            if requests.get(f"{aws.url}/_ministack/health", verify=str(aws.certificate), timeout=2).ok:
                return
        except (requests.RequestException, OSError):
            # It does not listen yet, or has no certificate.
            pass
        time.sleep(0.1)
    raise AssertionError(f"ministack does not answer: {aws.log.read_text()[-2000:]}")


def _processes_of(folder: Path) -> list[str]:
    """Return the processes whose TMPDIR is this folder."""
    wanted = f"TMPDIR={folder}".encode()
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (one / "environ").read_bytes().split(b"\0"):
                found.append((one / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found
