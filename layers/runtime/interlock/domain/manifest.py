"""The manifest of a plugin: what is known without importing it, or why it could not be loaded."""

from collections.abc import Mapping
from typing import Any, Self

from msgspec import Struct, field, to_builtins

from interlock.domain.errors import UnknownTool


class ToolManifest(Struct, frozen=True):
    """A tool as its users see it. Schemas are JSON Schema 2020-12; limits are wall-clock seconds and MiB resident.
    `network`: whether its process may open connections. `isolation`: whether its process serves other runs of the same
    `tenant`, or this `run` only. `read_only`, `idempotent` and `destructive` tell agents what a call changes; None:
    undeclared. `task`: whether MCP clients get a task, by the limit (`auto`), `always`, or `required`. `input_requests`
    are made to MCP clients before a run."""

    name: str
    title: str
    description: str
    timeout_s: float
    memory_mb: int
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    network: bool = False
    isolation: str = "tenant"
    read_only: bool | None = None
    idempotent: bool | None = None
    destructive: bool | None = None
    task: str = "auto"
    input_requests: Mapping[str, Any] = field(default_factory=dict)


class SettingManifest(Struct, frozen=True):
    """A setting that the operator of the stack gives a plugin. Its value is never part of a manifest."""

    name: str
    type: str
    description: str
    required: bool
    secret: bool


class PluginSource(Struct, frozen=True):
    """Where the worker process finds the plugin's class: `module:class_name`.

    `path` is a file or a package folder outside the installed packages, for a plugin added for one development run.
    `revision` distinguishes versions of the code during such a run: processes with another revision are not used.
    """

    module: str
    class_name: str
    path: str | None = None
    revision: str = ""


class PluginSummary(Struct, frozen=True):
    """A plugin as the list of plugins shows it. `reason` and no tools if it could not be loaded. `fork_safe` and
    `code_version` as in `PluginManifest`."""

    name: str
    version: str
    title: str
    description: str
    tools: tuple[str, ...] = ()
    reason: str | None = None
    fork_safe: bool = True
    code_version: str = ""


class PluginManifest(Struct, frozen=True):
    """A plugin with its tools, or with a `reason` and no tools if it could not be loaded.

    `fork_safe`: whether the plugin declares that worker processes may be forked from one that has loaded it.
    """

    name: str
    version: str
    title: str
    description: str
    source: PluginSource
    tools: tuple[ToolManifest, ...] = ()
    fork_safe: bool = True
    reason: str | None = None
    settings: tuple[SettingManifest, ...] = ()

    @classmethod
    def broken(cls, name: str, source: PluginSource, reason: str) -> Self:
        """Return the manifest of a plugin that could not be loaded."""
        return cls(name, "0", name, "", source, reason=reason)

    @property
    def available(self) -> bool:
        return self.reason is None

    @property
    def code_version(self) -> str:
        """The version, which changes during a development run whenever the code does."""
        return f"{self.version}+{self.source.revision}" if self.source.revision else self.version

    def tool(self, name: str | None) -> ToolManifest:
        """Return the tool with this name, or the first one for None. Raise `UnknownTool`."""
        if name is None and self.tools:
            return self.tools[0]
        for tool in self.tools:
            if tool.name == name:
                return tool
        known = ", ".join(tool.name for tool in self.tools)
        raise UnknownTool(f"Plugin {self.name!r} has no tool {name!r}. It has: {known}.")

    def summary(self) -> PluginSummary:
        tools = tuple(tool.name for tool in self.tools)
        return PluginSummary(
            self.name,
            self.version,
            self.title,
            self.description,
            tools,
            self.reason,
            self.fork_safe,
            self.code_version,
        )

    def public(self) -> dict[str, Any]:
        """Return the manifest as the API shows it, without the location of the code, the reason, and what only MCP
        clients are asked for."""
        document = self.to_dict()
        del document["source"], document["reason"]
        for tool in document["tools"]:
            del tool["input_requests"]
        return document

    def to_dict(self) -> dict[str, Any]:
        document: dict[str, Any] = to_builtins(self)
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            **{
                **document,
                "source": PluginSource(**document["source"]),
                "tools": tuple(ToolManifest(**tool) for tool in document["tools"]),
                "settings": tuple(SettingManifest(**one) for one in document.get("settings", ())),
            }
        )
