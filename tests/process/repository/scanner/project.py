"""A small project for the scanner to scan."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TOOL_RUNNER = """
    class ToolRunner:
        def run(self, call):
            try:
                return self._sandbox.run(call)
            finally:
                self.update_execution_metrics(call)

        def update_execution_metrics(self, call):
            self._registry.record(call)


    def serve(plugin, request):
        return plugin.run(request.tool, request.input)
"""
RUNNER = "layers/runtime/interlock/tools/tool_runner.py"
HANDLER = "functions/execute/handler.py"
OTHER_HANDLER = "functions/jobs/handler.py"


@dataclass(frozen=True, slots=True)
class Scanned:
    """The exit code and the output of a run of the scanner."""

    code: int
    stdout: str
    stderr: str


Scan = Callable[..., Scanned]


def plant(tree: Path, name: str, source: str) -> None:
    """Write a file of the project."""
    file = tree / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, encoding="utf-8")
