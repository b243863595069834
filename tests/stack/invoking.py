"""`interlock invoke` in one process for many calls, because its imports take more than a second."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack.stacks import Ended

type Invoke = Callable[..., Ended]

_RUNNER = """
import contextlib, io, json, os, sys
from interlock_dev.commands.cli import main

for line in sys.stdin:
    folder, arguments, text = json.loads(line)
    os.chdir(folder)
    out, err = io.StringIO(), io.StringIO()
    sys.stdin = io.StringIO(text)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = int(main(arguments))
    print(json.dumps({"status": status, "out": out.getvalue(), "err": err.getvalue()}), flush=True)
"""


@contextmanager
def running() -> Iterator[Invoke]:
    """Run the process. Yields the function that runs `interlock invoke` in a project's folder."""
    command = [sys.executable, "-c", _RUNNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        asks, answers = process.stdin, process.stdout
        assert asks
        assert answers

        def run(project: Path, function: str, *, event: object) -> Ended:
            asked = [str(project), ["invoke", function, "-e", "-"], json.dumps(event)]
            print(json.dumps(asked), file=asks, flush=True)
            return Ended(**json.loads(answers.readline()))

        yield run
