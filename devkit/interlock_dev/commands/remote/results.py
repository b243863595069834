"""Print a result, or save the files in it."""

from __future__ import annotations

import copy
import json
import mimetypes
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interlock_client import decode_file
from interlock_dev.commands.remote.output import console, print_json
from interlock_dev.commands.remote.schemas import Location, files_in, node
from interlock_dev.project.errors import UsageError

_STANDARD_OUTPUT = "-"


def show_result(result: Any, schema: Mapping[str, Any], output: str | None) -> None:
    """Print a result as JSON. With `output`, write its file there; several files need a folder. A result without files
    is written as JSON."""
    files = list(files_in(node(schema), result))
    if output is None:
        print_json(shortened(result, files) if sys.stdout.isatty() else result)
        return
    if not files:
        _write(output, (json.dumps(result, indent=2, ensure_ascii=False) + "\n").encode())
        return
    saved = _save(result, files, output)
    if output != _STANDARD_OUTPUT:
        print_json(saved)


def _save(result: Any, files: list[tuple[Location, str]], output: str) -> Any:
    """Write the files of a result. Return the result with the paths in their places."""
    folder = output.endswith("/") or Path(output).is_dir()
    if len(files) > 1 and not folder:
        names = ", ".join(".".join(map(str, at)) for at, _ in files)
        raise UsageError(f"the result has several files ({names}): name a folder with `-o FOLDER/`")
    saved = copy.deepcopy(result)
    for at, text in files:
        path = str(Path(output) / (_name(at) + _suffix(result, at))) if folder else output
        _write(path, decode_file(text))
        inside = saved
        for part in at[:-1]:
            inside = inside[part]
        inside[at[-1]] = path
    return saved


def _name(at: Location) -> str:
    return "-".join("".join(one if one.isalnum() or one in "_-" else "_" for one in str(part)) for part in at)


def _suffix(result: Any, at: Location) -> str:
    """Return the suffix of a file whose media type is in a field beside it."""
    for part in at[:-1]:
        result = result[part]
    media_type = result.get("mime_type") if isinstance(result, dict) else None
    return (mimetypes.guess_extension(media_type) if isinstance(media_type, str) else None) or ".bin"


def _write(output: str, content: bytes) -> None:
    if output == _STANDARD_OUTPUT:
        sys.stdout.buffer.write(content)
        return
    path = Path(output)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{output} cannot be written ({error.strerror})") from None
    console(stderr=True).print(f"wrote {output} ({len(content):,} bytes)", style="dim")


def shortened(result: Any, files: list[tuple[Location, str]]) -> Any:
    """Return the result with its files described: nobody reads base64 at a terminal."""
    shown = copy.deepcopy(result)
    for at, text in files:
        inside = shown
        for part in at[:-1]:
            inside = inside[part]
        inside[at[-1]] = f"<file of {len(text) * 3 // 4:,} bytes: save it with -o FILE>"
    return shown
