"""`interlock dev` for the bench: whenever a job is written as `cancelled`, check whether its process is gone.

`python -m bench.watched_stack FOLDER dev ...`. The folder holds files with the process ids of jobs, named
after the jobs. The process is looked for before the table takes the write, so no clocks have to be compared.
"""

import io
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_CANCELLED = re.compile(rb'"S": ?"cancelled"')
_JOB = re.compile(rb"JOB#[^#\"]+#([0-9A-Z]{16})")


def ran_when_cancelled(folder: Path, job_id: str) -> bool:
    """Return whether a job's process ran when the job was written as `cancelled`. Raise FileNotFoundError if the job
    was not cancelled."""
    return _found(folder, job_id).read_text() == "running"


def _found(folder: Path, job_id: str) -> Path:
    return folder / f"{job_id}.found"


def _look(folder: Path, write: bytes) -> None:
    """Look for the process of each job that is written. The table's keys have the random part of the job's id."""
    for random_part in {match.decode() for match in _JOB.findall(write)}:
        for pid in folder.glob(f"*{random_part}"):
            _found(folder, pid.name).write_text("running" if _runs(pid.read_text()) else "gone")


def _runs(pid: str) -> bool:
    try:
        return Path("/proc", pid, "stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def main(folder: Path, arguments: list[str]) -> int:
    """Run `interlock` with these arguments."""
    from interlock_dev.aws import server  # noqa: PLC0415 - the client of this module needs no moto
    from interlock_dev.commands import cli  # noqa: PLC0415

    class Watched(server.OneAtATime):
        def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            if environ.get("HTTP_X_AMZ_TARGET", "").endswith((".UpdateItem", ".TransactWriteItems")):
                body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
                environ["wsgi.input"] = io.BytesIO(body)
                if _CANCELLED.search(body):
                    _look(folder, body)
            return super().__call__(environ, start_response)

    server.OneAtATime = Watched  # type: ignore[misc]
    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
