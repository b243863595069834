"""Damage a supervisor from another process of the same user during a run, and print the result.

test_self_check runs this program as an unprivileged user.
"""

import json
import os
import subprocess
import sys

from tests.process.sandbox.harness import Harness


def main(source: str) -> None:
    harness = Harness.new()
    command = [sys.executable, "-c", source, str(os.getpid())]

    def damage(_fraction: float, _message: str) -> None:
        subprocess.run(command, check=True)

    ending = harness.run("channel.progress(1, '')", on_progress=damage)
    unfit = harness.sandbox.unfit
    following = "not run" if unfit else harness.result("result = 'next'")
    print(json.dumps({"ending": type(ending).__name__, "unfit": unfit, "next": following, "uid": os.getuid()}))


if __name__ == "__main__":
    main(sys.argv[1])
