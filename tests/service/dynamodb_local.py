"""DynamoDB Local: AWS's own emulator, a jar that comes inside an npm package. It is fetched once, into `build/`."""

import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = "amplify-dynamodb-simulator@2.9.30"
CACHE = Path(__file__).parents[2] / "build" / "dynamodb-local"
START_LIMIT_S = 60.0


def missing() -> str | None:
    """Return the programs that DynamoDB Local needs and this machine lacks, or None."""
    lacking = [name for name in ("java", "npm") if shutil.which(name) is None]
    return " and ".join(lacking) or None


def _installed() -> Path:
    """The folder with the jar."""
    if not (CACHE / "DynamoDBLocal.jar").exists():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE.parent) as folder:
            pack = ["npm", "pack", "--silent", "--pack-destination", folder, PACKAGE]
            packed = subprocess.run(pack, check=True, capture_output=True, text=True)
            with tarfile.open(Path(folder) / packed.stdout.strip()) as archive:
                archive.extractall(folder, filter="data")
            # A rename is atomic. Of several processes at once, the first one wins.
            if not CACHE.exists():
                (Path(folder) / "package" / "emulator").rename(CACHE)
    return CACHE


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running() -> Iterator[str]:
    """Run DynamoDB Local in memory, and yield its URL."""
    folder, port = _installed(), _free_port()
    options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-Djava.library.path=DynamoDBLocal_lib"]
    command = ["java", *options, "-jar", "DynamoDBLocal.jar", "-inMemory", "-disableTelemetry", "-port", str(port)]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_LIMIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError("DynamoDB Local did not start") from None
            time.sleep(0.05)
        else:
            return
