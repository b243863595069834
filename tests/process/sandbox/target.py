"""The target of the worker processes in these tests: it runs its request as Python source.

Lines above `#ready` are run while loading.
"""

from interlock.sandbox import Channel
from tests.process.sandbox import measured


class Stop(BaseException):
    """The exception that a requested stop raises in the source."""


def serve(request: bytes, channel: Channel) -> bytes:
    measured.save()
    loading, _, source = request.decode().rpartition("#ready\n")
    scope: dict[str, object] = {"channel": channel, "Stop": Stop, "result": ""}
    exec(loading, scope)
    channel.ready()
    try:
        channel.arm(Stop)
        exec(source, scope)
        channel.disarm()
    except Stop:
        channel.mark_interrupted()
        return b"stopped"
    return str(scope["result"]).encode()


def bare(request: bytes, channel: Channel) -> bytes:
    """A target that ignores its channel."""
    return request
