"""Profiles: named services in `config.toml` in the user's configuration folder, which only the user may read."""

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from interlock_dev.project.errors import UsageError

_FIELDS = ("url", "stack", "region", "key")
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class Profile:
    """A service by its URL or by its stack, and a key."""

    url: str | None = None
    stack: str | None = None
    region: str | None = None
    key: str | None = None


def config_file() -> Path:
    """Return the path of the file, such as `~/.config/interlock/config.toml`."""
    return user_config_path("interlock") / "config.toml"


def profile(name: str) -> Profile:
    """Read a profile. Raise `UsageError` if others have access to the file, or the profile is missing or not valid."""
    path = config_file()
    profiles = _read(path).get("profiles", {})
    if name not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise UsageError(f"--profile: {path} has no profile {name!r}{did_you_mean(name, profiles)} (it has: {known})")
    fields = profiles[name]
    for field, value in fields.items():
        if field not in _FIELDS or not isinstance(value, str):
            raise UsageError(f"profile {name}: {field!r} must be one of {', '.join(_FIELDS)}, as text")
    if bool(fields.get("url")) == bool(fields.get("stack")):
        raise UsageError(f"profile {name}: set either `url` or `stack` in {path}")
    return Profile(**fields)


def _read(path: Path) -> dict[str, Any]:
    try:
        mode = path.stat().st_mode & 0o777
        if mode & _OTHERS:
            raise UsageError(f"{path} contains keys, but has mode {mode:03o}: run `chmod 600 {path}`")
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise UsageError(f"--profile needs {path}, which does not exist: see docs/command.md") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


def did_you_mean(word: str, known: Any) -> str:
    """Return ": did you mean 'x'?" or an empty text."""
    close = get_close_matches(word, [str(one) for one in known], n=1)
    return f": did you mean {close[0]!r}?" if close else ""
