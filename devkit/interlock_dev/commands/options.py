"""The options of the commands, as their modules take them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from interlock_dev.commands.values import Parameter


@dataclass(frozen=True, slots=True)
class DevOptions:
    """The options of `interlock dev`. The pauses between webhook attempts are multiplied by `wait_factor`."""

    port: int
    plugins: tuple[Path, ...]
    api_key: str
    parameters: Mapping[str, str]
    built: bool
    in_process: bool
    log_level: str = "info"
    quiet: bool = False
    settings: Sequence[Parameter] = ()
    settings_file: Path | None = None
    hosts: Sequence[str] = ()
    local_webhooks: bool = False
    wait_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class InvokeOptions:
    """The options of `interlock invoke`. `event` is the name of a file, or `-` for standard input;
    `port` selects one of several running stacks."""

    function: str
    event: str
    port: int | None
    built: bool
    in_process: bool


@dataclass(frozen=True, slots=True)
class Target:
    """The service that a command calls. All None: that of the environment, or the running local stack."""

    url: str | None = None
    key: str | None = None
    stack: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class KeyTarget:
    """Where `interlock keys` finds the keys, and how it prints them: through the API of `service` if it is set,
    otherwise in the table of `stack`, or of the running local stack. `port` selects one of several local stacks."""

    stack: str | None
    port: int | None
    json: bool
    service: Target | None = None
