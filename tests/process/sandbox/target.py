"""The target of the workers in these tests: the request is Python source. The part above a line `#ready` is loading."""

from interlock.sandbox import Channel
from tests.process.sandbox import measured


class Stop(BaseException):
    """How a stop arrives in the source."""


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
    """A target that knows nothing of its channel."""
    return request
