"""Whether worker processes may be forked from one that has loaded the plugin, as declared and as found by a run."""

from msgspec import Struct

DECLARED = "the plugin declares fork_safe = False"


class ForkFinding(Struct, frozen=True):
    """Why no process can be forked from this version of a plugin, as a run that loaded it has found."""

    version: str
    reason: str


def fork_unsafe_reason(version: str, *, declared_safe: bool, found: ForkFinding | None) -> str | None:
    """Return why each process loads this version of a plugin itself. None: no reason is declared or known."""
    if not declared_safe:
        return DECLARED
    return found.reason if found is not None and found.version == version else None
