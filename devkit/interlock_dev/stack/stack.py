"""The local stack: the template's functions and the local AWS. `dev` adds the gateway."""

import contextlib
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.composition.core import LOCAL_WEBHOOKS, PLUGIN_SETTINGS
from interlock_dev.aws.iam.policies import Statement, statements
from interlock_dev.lambda_.environments import EmulatorEnvironment, InitFailed, emulator_runs_here
from interlock_dev.lambda_.function_environment import BuiltRuntime, Runtime, SourceRuntime, launch
from interlock_dev.lambda_.functions import ENVIRONMENTS_PER_FUNCTION, Functions
from interlock_dev.lambda_.in_process import NOT_ENFORCED, InProcess
from interlock_dev.project.access_keys import AccessKey
from interlock_dev.project.errors import UsageError
from interlock_dev.project.host import listen
from interlock_dev.project.template import AwsType, Resource, Template
from interlock_dev.stack.plugins import IndexBuild, built_index
from interlock_dev.stack.settings import Settings, as_variable

WARM_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the command line that concern functions."""

    built: bool = False
    in_process: bool = False
    plugins: Sequence[Path] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=dict)
    local_webhooks: bool = False
    wait_factor: float = 1.0


class FunctionSet:
    """The template's functions before their start."""

    def __init__(self, template: Path, options: Options, folder: Path) -> None:
        self.template = Template(template, options.parameters)
        self.api: Any = self.template.api()
        self._options = options
        self._folder = folder
        self._found = self.template.functions()
        self.runtime: Runtime = BuiltRuntime(folder / "runtime") if options.built else SourceRuntime()

    @property
    def behind_the_api(self) -> dict[str, tuple[str, ...]]:
        """The functions that API Gateway calls, authorizers and routes, with fields that every event for them has."""
        found: dict[str, tuple[str, ...]] = {}
        for route in self.api.routes:
            if route.authorizer_object is not None:
                found[route.authorizer_object.lambda_name] = ("methodArn",)
            found[route.function_name] = ("httpMethod", "path")
        return found

    def start(self, *, aws_endpoint_url: str, owner: AccessKey, plugin_index: Path) -> Functions:
        """Start the functions. Their access keys are derived from the owner's."""
        overrides = {
            "AWS_ENDPOINT_URL": aws_endpoint_url,
            "INTERLOCK_PLUGIN_INDEX": str(plugin_index),
            # Changes to a key apply at once.
            "INTERLOCK_KEY_CACHE_S": "0",
        }
        if self._options.local_webhooks:
            overrides[LOCAL_WEBHOOKS] = "1"
        in_process = self._options.in_process or not emulator_runs_here()
        if in_process:
            # Functions take turns: all other requests would wait for one that waits for its job.
            overrides["INTERLOCK_MAX_WAIT_S"] = "0"
        # Functions in this process share its environment, and therefore one access key.
        keys = {name: owner if in_process else owner.of_function(name) for name in self._found}
        settings = {PLUGIN_SETTINGS: as_variable(self._options.settings)}
        launches = {
            # Only functions that run plugins get their settings.
            name: launch(
                function,
                self.runtime,
                keys[name],
                overrides | (settings if PLUGIN_SETTINGS in function.variables else {}),
            )
            for name, function in self._found.items()
        }
        if in_process:
            sys.stderr.write(f"{NOT_ENFORCED}\n")
            return Functions(launches, InProcess(self.behind_the_api).create, limit=1)
        temp_root = self._folder / "tmp"
        temp_root.mkdir()
        return Functions(
            launches, lambda one: EmulatorEnvironment(one, temp_root=temp_root), limit=ENVIRONMENTS_PER_FUNCTION
        )

    def policies(self) -> dict[str, Sequence[Statement]]:
        """Return each function's policies. Raise `UsageError` for unsupported ones."""
        return {name: statements(name, function.policies) for name, function in self._found.items()}

    def index(self, build: IndexBuild | None) -> Path:
        """Return the plugin index: the result of `build`, or the one in the built layers."""
        return build.result() if build else built_index(self._layers())

    def index_build(self) -> IndexBuild | None:
        """Start to build an index with the packages that functions can import. Return None if the built one is used."""
        if self._options.built and not self._options.plugins:
            return None
        widest = max(self._found.values(), key=lambda one: len(one.layers))
        return IndexBuild(
            self._folder / "index",
            self._options.plugins,
            interpreter=self.runtime.interpreter,
            import_path=self.runtime.path(widest),
        )

    def _layers(self) -> list[Path]:
        return list(dict.fromkeys(layer for function in self._found.values() for layer in function.layers))


class Stack:
    """Running functions and local AWS. `plugin_index` is the folder in which functions find the plugin index."""

    def __init__(
        self, template: Path, options: Options, folder: Path, index: IndexBuild | None, *, warm: bool = True
    ) -> None:
        """Start the stack. `index` is a running build of the plugin index, if there is one. `warm` starts functions
        before their first request."""
        self._cleanup = contextlib.ExitStack()
        self._warming: dict[str, Future[InitFailed | None]] = {}
        try:
            self._start(template, options, folder, index, warm=warm)
        except BaseException:
            self.close()
            raise

    def _start(self, template: Path, options: Options, folder: Path, index: IndexBuild | None, *, warm: bool) -> None:
        self.set = FunctionSet(template, options, folder)
        self._index_build = index or self.set.index_build()
        if self._index_build:
            self._cleanup.callback(self._index_build.stop)
        self.plugin_index = self.set.index(self._index_build)
        listener = self._cleanup.enter_context(listen(0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.owner = AccessKey.create()
        self.functions = self.set.start(aws_endpoint_url=url, owner=self.owner, plugin_index=self.plugin_index)
        self._cleanup.callback(self.functions.close)
        if warm:
            # They start in child processes while this one imports moto.
            self._warming = self.functions.warm(self.set.behind_the_api)

        from interlock_dev.aws.resources import create_resources  # noqa: PLC0415
        from interlock_dev.aws.server import LocalAws  # noqa: PLC0415
        from interlock_dev.aws.step_functions.executions import shorten_waits  # noqa: PLC0415
        from interlock_dev.stack.event_sources import event_sources  # noqa: PLC0415

        self.aws = LocalAws(listener, self.functions, self.set.policies(), self.owner)
        if options.wait_factor != 1:
            shorten_waits(options.wait_factor)
        self.aws.start()
        self._cleanup.callback(self.aws.close)
        create_resources(self.set.template, self.aws.url, self.owner)
        for source in event_sources(self.set.template, self.aws, self.functions, self.owner):
            source.start()
            self._cleanup.callback(source.stop)

    def wait_until_warm(self) -> None:
        """Wait until every function behind the API has an environment. The others start with their first invocation.
        Raise `UsageError` if one cannot be started."""
        wait(self._warming.values(), WARM_WITHIN_S)
        for name, start in self._warming.items():
            # A start that is only slow on a busy machine may still succeed for the first request.
            if start.done() and (failed := start.result()) and not failed.invocation.timed_out:
                raise UsageError(f"{name} cannot be started: {str(failed) or 'its log is above'}")

    def update_index(self, changed: Sequence[Path]) -> Sequence[str]:
        """Update the index that the functions read for changed paths. Return a line for each of their plugins that
        cannot be loaded. Raise `UsageError`."""
        return self._index_build.update(changed) if self._index_build else []

    @property
    def table(self) -> str:
        return self._first(AwsType.TABLE).name

    @property
    def bucket(self) -> str:
        return self._first(AwsType.BUCKET).name

    @property
    def workflow_arn(self) -> str:
        return self._first(AwsType.STATE_MACHINE).arn

    def _first(self, kind: AwsType) -> Resource:
        return self.set.template.of_type(kind)[0]

    def close(self) -> None:
        self._cleanup.close()
