"""Commands to the zygote and to templates: one line of JSON each, answered in order by one line."""

import contextlib
import json
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

ANSWER_LIMIT_S = 20.0
"""Maximum time in seconds for an answer, including the start of the zygote."""

_LONGEST_ANSWER = 1000
"""Maximum size of an answer in bytes: a template runs untrusted code and may send anything."""


class NoAnswer(Exception):
    """The process has ended or does not answer as it should, because some process killed, stopped or changed it."""


class Commands:
    """The supervisor's end of a socket to a process that obeys commands.

    `resume` continues the process if it has stopped itself or if the code of a run has stopped it.
    """

    def __init__(self, own: socket.socket, resume: Callable[[], object]) -> None:
        self._socket = own
        self._resume = resume
        own.settimeout(ANSWER_LIMIT_S)

    def fileno(self) -> int:
        """Return a descriptor that becomes readable between commands only if the process has ended."""
        return self._socket.fileno()

    def ask(self, command: Mapping[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        """Send a command and return its answer. Raise `NoAnswer`; the socket is unusable then."""
        self._resume()
        answer = bytearray()
        until = time.monotonic() + ANSWER_LIMIT_S
        try:
            socket.send_fds(self._socket, [json.dumps(command).encode()], descriptors)
            while not answer.endswith(b"\n"):
                part = self._socket.recv(4096)
                answer += part
                if not part or len(answer) > _LONGEST_ANSWER or time.monotonic() > until:
                    raise NoAnswer
            document = json.loads(answer)
        except (OSError, ValueError) as error:
            raise NoAnswer from error
        finally:
            if not answer.endswith(b"\n"):
                # A late answer would be taken for the answer to the next command.
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
        if not isinstance(document, dict):
            raise NoAnswer
        return document

    def close(self) -> None:
        self._socket.close()
