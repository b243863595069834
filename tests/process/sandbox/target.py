"""The target of the worker processes in these tests: it runs its request as Python source, and so does the loader.

The source of a request sees the names that loading has defined.
"""

from interlock.sandbox import Channel
from tests.process.sandbox import measured


class Stop(BaseException):
    """The exception that a requested stop raises in the source."""


_loaded: dict[str, object] = {}


def load(request: bytes, channel: Channel) -> bytes | None:
    """Run source. Return what it assigns to `refused`, if anything, instead of loading successfully."""
    scope: dict[str, object] = {"channel": channel, "refused": None}
    exec(request.decode(), scope)
    _loaded.update(scope)
    refused = scope["refused"]
    return str(refused).encode() if refused is not None else None


def serve(request: bytes, channel: Channel) -> bytes:
    measured.save()
    scope = _loaded | {"channel": channel, "Stop": Stop, "result": ""}
    try:
        channel.arm(Stop)
        exec(request.decode(), scope)
        channel.disarm()
    except Stop:
        channel.mark_interrupted()
        return b"stopped"
    return str(scope["result"]).encode()


def bare(request: bytes, channel: Channel) -> bytes:
    """A target that ignores its channel."""
    return request
