"""The result of a scan, as text and as annotations for GitHub."""

from collections.abc import Callable, Mapping, Sequence

from tools.scanner.engine.violation import Violation


def summary(found: Sequence[Violation], *, files: int, rules: int) -> str:
    """Return the counts of a scan."""
    waivers = sum(bool(each.waiver) for each in found)
    counted = [_count(len(found) - waivers, "violation"), _count(files, "file"), _count(rules, "rule")]
    return "{} in {} ({}, {})".format(*counted, _count(waivers, "waiver"))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def as_text(found: Violation) -> str:
    """Return `path:line:column CODE message`."""
    return f"{found.path}:{found.line}:{found.column} {found.code} {_message(found)}"


def as_github(found: Violation) -> str:
    """Return a workflow command, which GitHub shows beside the line of a change."""
    properties = {"file": found.path, "line": found.line, "col": found.column, "title": found.code}
    shown = (
        f"{name}={_escaped(str(value)).replace(':', '%3A').replace(',', '%2C')}" for name, value in properties.items()
    )
    return f"::{'notice' if found.waiver else 'error'} {','.join(shown)}::{_escaped(_message(found))}"


def _message(found: Violation) -> str:
    return f"waived: {found.waiver}" if found.waiver else found.message


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


FORMATS: Mapping[str, Callable[[Violation], str]] = {"text": as_text, "github": as_github}
