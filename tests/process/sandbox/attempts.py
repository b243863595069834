"""Attempts of a worker to get around its confinement."""

import json

from tests.process.sandbox.harness import Harness

TRY = """
import ctypes, errno, json, os, resource, signal, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
def tried(what):
    try:
        what()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"
"""


def outcomes_of(
    harness: Harness, attempts: dict[str, str], *, network: bool = False, key: str = "key"
) -> dict[str, str]:
    """Run each attempt in a worker process. Return the name of its error, or `done`, by the name of the attempt."""
    tried = "\n".join(f"found[{name!r}] = tried(lambda: {code})" for name, code in attempts.items())
    source = f"{TRY}found = {{}}\n{tried}\nresult = json.dumps(found)"
    answer: dict[str, str] = json.loads(harness.result(source, network=network, key=key))
    return answer
