"""Files in inputs and results.

A small file is sent in the request as base64 text, a larger one is uploaded. In results, files are base64 text.
"""

import base64
import binascii
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_INLINE_BYTES = 3 * 1024 * 1024
"""Maximum size of all files in one request. As base64 they take 4 MiB of the 6 MiB that Lambda accepts."""

_DEFAULT_TYPE = "application/octet-stream"


def decode_file(text: str) -> bytes:
    """Return the content of a file in a result. Raises ValueError if the text is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"the text is not a file in base64: {error}") from None


def save_file(text: str, path: Path | str) -> Path:
    """Write a file in a result to a path, and return the path. Raises ValueError if the text is not base64."""
    path = Path(path)
    path.write_bytes(decode_file(text))
    return path


@dataclass(frozen=True, slots=True)
class File:
    """A file of an input, in memory."""

    content: bytes
    content_type: str = _DEFAULT_TYPE

    @property
    def text(self) -> str:
        """The content as base64 text."""
        return base64.b64encode(self.content).decode("ascii")


def content_type_of(path: Path) -> str:
    """Return the media type that the name of a file suggests."""
    return mimetypes.guess_type(path.name)[0] or _DEFAULT_TYPE


def files_in(value: Any) -> Iterator[Path | bytes]:
    """Yield the paths and bytes in an input, in its order."""
    if isinstance(value, Path | bytes):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from files_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from files_in(inner)


def with_files(value: Any, references: Iterator[Any]) -> Any:
    """Return the input with each path and bytes, in the order of `files_in`, replaced by the next reference."""
    if isinstance(value, Path | bytes):
        return next(references)
    if isinstance(value, Mapping):
        return {name: with_files(inner, references) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [with_files(inner, references) for inner in value]
    return value
