"""The functions that are compared: Interlock's as built, and the peers in their own environment."""

import compileall
import json
import os
import py_compile
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from interlock_dev.lambda_.function_environment import BuiltRuntime, launch
from interlock_dev.project.access_keys import AccessKey
from interlock_dev.project.template import AwsType, Function, Template
from interlock_dev.stack.plugins import IndexBuild

ROOT = Path(__file__).parents[1]
INSIDE = Path(__file__).with_name("inside")
PEERS = Path(__file__).with_name("peers")
EVENT = PEERS / "event.json"
PEERS_PACKAGES = ROOT / ".tools" / "bench" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
"""The trace header that Lambda passes on to the X-Ray SDK."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A function: its interpreter and its environment variables, of which `_HANDLER` names the handler."""

    name: str
    interpreter: Sequence[str]
    variables: Mapping[str, str]

    def with_variables(self, **variables: str) -> Self:
        return type(self)(self.name, self.interpreter, {**self.variables, **variables})


class Contestants:
    """Creates the contestants. `folder` is temporary; `table_url` is where all of them find DynamoDB."""

    def __init__(self, folder: Path, table_url: str) -> None:
        self.folder = folder
        self._url = table_url
        self.template = Template(ROOT / ".aws-sam" / "build" / "template.yaml")
        [table] = self.template.of_type(AwsType.TABLE)
        self.table = table
        self.runtime = BuiltRuntime(folder / "runtime-client")
        self.functions = self.template.functions()
        self._key = AccessKey("bench", "bench")  # DynamoDB Local has tables for each key

    @cached_property
    def _peers(self) -> Path:
        """A copy of the peers, compiled like the layers."""
        copy = shutil.copytree(PEERS, self.folder / "peers", ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(copy, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        return copy

    def path_of(self, function: str) -> list[Path]:
        """Return the import path of one of Interlock's functions."""
        return self.runtime.path(self.functions[function])

    @cached_property
    def index(self) -> Path:
        """The index of the layer's plugins and of the bench's own."""
        build = IndexBuild(
            self.folder / "index",
            [Path(__file__).with_name("echo.py")],
            interpreter=self.runtime.interpreter,
            import_path=[layer / "python" for layer in reversed(self.functions["ExecuteFunction"].layers)],
        )
        try:
            return build.result()
        finally:
            build.stop()

    def interlock(self, function: str = "ExecuteFunction", *, index: Path | None = None) -> Contestant:
        """Return one of Interlock's functions, on the built layers."""
        overrides = {"AWS_ENDPOINT_URL": self._url, "INTERLOCK_PLUGIN_INDEX": str(index or self.index)}
        one = launch(self.functions[function], self.runtime, self._key, overrides)
        return Contestant("interlock", one.interpreter, one.variables)

    def peer(self, module: str) -> Contestant:
        """Return a peer, which has the same variables from Lambda as Interlock's functions."""
        root = Function(
            name=module,
            handler=f"{module}.handler",
            runtime="python3.13",
            task_root=self._peers,
            layers=(),
            memory_mb=512,
            timeout_s=29,
            variables={
                "TABLE": "peers",
                "POWERTOOLS_SERVICE_NAME": "peer",
                "POWERTOOLS_METRICS_NAMESPACE": "peer",
                "_X_AMZN_TRACE_ID": TRACE,
            },
            log_level="INFO",
            policies=(),
        )
        one = launch(root, self.runtime, self._key, {"AWS_ENDPOINT_URL": self._url})
        path = os.pathsep.join(map(str, (self._peers, PEERS_PACKAGES)))
        return Contestant(module, one.interpreter, {**one.variables, "PYTHONPATH": path})


class FunctionProcess(AbstractContextManager["FunctionProcess"]):
    """A process that has been started and has one call to serve. `prefix` is put in front of its command, and `core`
    keeps it on one processor."""

    def __init__(
        self, contestant: Contestant, event: Path = EVENT, *, prefix: Sequence[str] = (), core: int | None = None
    ) -> None:
        reading, writing = os.pipe()
        pinned = () if core is None else ("taskset", "-c", str(core))
        command = [*pinned, *prefix, *contestant.interpreter, str(INSIDE / "function.py"), str(event), str(writing)]
        began = time.perf_counter_ns()
        self.process = subprocess.Popen(
            command,
            env=dict(contestant.variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if not os.environ.get("BENCH_SHOW") else None,
            pass_fds=[writing],
        )
        os.close(writing)
        self._answers = os.fdopen(reading)
        self.answer = self._ask(1)["answer"]
        self.cold_ns = time.perf_counter_ns() - began
        """Nanoseconds from the start of the process to its first response."""

    def _ask(self, calls: int) -> dict[str, Any]:
        if self.process.stdin is None:
            raise RuntimeError("the process has no standard input")
        self.process.stdin.write(f"{calls}\n".encode())
        self.process.stdin.flush()
        line = self._answers.readline()
        if not line:
            raise RuntimeError(f"the function ended with {self.process.wait()}: set BENCH_SHOW=1 to see why")
        answer: dict[str, Any] = json.loads(line)
        if answer["answer"].get("statusCode", 200) not in {200, 202}:
            raise RuntimeError(f"the function answered {answer['answer']}")
        return answer

    def call(self, calls: int = 1) -> list[int]:
        """Call the function, and return the time of each call in nanoseconds."""
        return self._times(calls, "ns")

    def processor_ns(self, calls: int = 1) -> list[int]:
        """Call the function, and return the processor time of each call, without that of the sandbox's processes."""
        return self._times(calls, "processor_ns")

    def _times(self, calls: int, kind: str) -> list[int]:
        answered = self._ask(calls)
        self.answer = answered["answer"]
        times: list[int] = answered[kind]
        return times

    @property
    def body(self) -> Any:
        """The body of the last response."""
        return json.loads(self.answer["body"])

    def close(self) -> None:
        """End the process, and wait for it."""
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait()
        self._answers.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def missing() -> str | None:
    """Return what has to be made before the bench can run, or None."""
    if not (ROOT / ".aws-sam" / "build" / "template.yaml").is_file():
        return "the layers are not built: run `make build`"
    if not PEERS_PACKAGES.is_dir():
        return "the peers' environment is missing: run `make .tools/bench/.installed`"
    return None if shutil.which("taskset") else "taskset (util-linux) is missing"
