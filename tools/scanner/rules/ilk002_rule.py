"""ILK002: the ToolRunner counts every run, however it ends."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from tools.scanner.engine.tree import SyntaxTree
from tools.scanner.engine.violation import RUNTIME, Rule, Violation, samples
from tools.scanner.rules.ilk002_runner_shape import problems, ways_around

FILE = "tool_runner.py"


class RunnerShape(Rule):
    """`ToolRunner.run` is one `try` whose `finally` updates the metrics."""

    code = "ILK002"
    title = "ToolRunner.run updates the metrics in its finally"
    rationale = (
        "A run that is not counted makes the registry lie. So `run` has one `try` at its outermost level, with the"
        " work inside it; the `finally` calls `update_execution_metrics` once and unconditionally, and leaves nothing"
        " early, which would swallow the outcome. Before the `try` there is no way out of `run`. The plugin is run in"
        " one place of the file, by functions that the class itself does not call: they are the worker process's. No"
        " subclass and no assignment puts another `run` or other metrics in their place."
    )

    def check(self, tree: SyntaxTree, path: PurePosixPath) -> Iterator[Violation]:
        found = problems(tree) if path.name == FILE else ways_around(tree)
        for node, message in found:
            yield self.violation(tree, path, node, message)

    def check_project(self, paths: Sequence[PurePosixPath], *, whole: bool) -> Iterator[Violation]:
        runners = [path for path in paths if path.name == FILE]
        if whole and not runners:
            yield Violation(f"{RUNTIME}/tools/{FILE}", 1, 1, self.code, f"there is no {FILE}: nothing governs a run")
        for second in runners[1:]:
            yield Violation(str(second), 1, 1, self.code, f"a second {FILE}: runs are governed in {runners[0]} alone")

    failing = (
        *samples(
            """
            class Runner: ...
            ---
            class ToolRunner:  # bad
                def execute(self, plugin):
                    return plugin.run()
            ---
            class ToolRunner:
                def run(self, plugin):  # bad
                    outcome = plugin.run()
                    self.update_execution_metrics(outcome)
                    return outcome
            ---
            class ToolRunner:
                def run(self, plugin):  # bad
                    try:
                        outcome = plugin.run()
                    except ValueError:
                        outcome = None
                    self.update_execution_metrics(outcome)
                    return outcome
            ---
            class ToolRunner:
                def run(self, plugin):
                    try:
                        return plugin.run()
                    finally:
                        self.log()  # bad
            ---
            class ToolRunner:
                def run(self, plugin):
                    try:
                        return plugin.run()
                    finally:
                        if self.counting:  # bad
                            self.update_execution_metrics()
            ---
            class ToolRunner:
                def run(self, plugin):
                    try:
                        return plugin.run()
                    finally:
                        self.counting and self.update_execution_metrics()  # bad
            ---
            class ToolRunner:
                def run(self, plugin):
                    try:
                        return plugin.run()
                    finally:
                        self.update_execution_metrics()
                        return None  # bad
            ---
            class ToolRunner:
                def run(self, plugin):  # bad
                    for attempt in range(2):
                        try:
                            return plugin.run()
                        finally:
                            self.update_execution_metrics()
                            break
            ---
            class ToolRunner:
                def run(self, plugin):
                    if plugin is None:
                        return None  # bad
                    try:
                        return plugin.run()
                    finally:
                        self.update_execution_metrics()
            ---
            class ToolRunner:
                def run(self, plugin):
                    outcome = self._invoke(plugin)  # bad
                    try:
                        return outcome
                    finally:
                        self.update_execution_metrics()
                def _invoke(self, plugin):
                    return plugin.run()
            ---
            class ToolRunner:
                def run(self, plugin):
                    try:
                        pass
                    finally:
                        self.update_execution_metrics()
                    return plugin.run()  # bad
            ---
            class ToolRunner:
                def run(self, plugin):  # bad
                    if self.fast:
                        try:
                            return plugin.run()
                        finally:
                            self.update_execution_metrics()
            ---
            class ToolRunner:
                def run(self, plugin):
                    try:
                        outcome = plugin.run()
                        self.update_execution_metrics(outcome)  # bad
                        return outcome
                    finally:
                        self.update_execution_metrics()
            ---
            class ToolRunner:
                def run(self, plugin):
                    try:
                        return (
                            plugin.run()
                            or plugin.run()  # bad
                        )
                    finally:
                        self.update_execution_metrics()
            ---
            class ToolRunner:  # bad
                def run(self, call):
                    try:
                        return self._sandbox.run(call)
                    finally:
                        self.update_execution_metrics()
            ---
            class ToolRunner:
                def run(self, plugin):
                    try:
                        go = plugin.run  # bad
                        return go()
                    finally:
                        self.update_execution_metrics()
            ---
            class ToolRunner:
                def run(self, plugin):
                    try:
                        return _serve(plugin)  # bad
                    finally:
                        self.update_execution_metrics()

            def _serve(plugin):
                return plugin.run()
            ---
            class ToolRunner:
                def run(self, plugin):
                    try:
                        return plugin.run()
                    finally:
                        self.update_execution_metrics()
                def update_execution_metrics(self):  # bad
                    logger.info("not counted")
            ---
            class ToolRunner:
                def run(self, plugin):
                    try:
                        return plugin.run()
                    finally:
                        self.update_execution_metrics()
                def update_execution_metrics(self):
                    if self.quiet:
                        return  # bad
                    self.registry.record()
            ---
            class ToolRunner:
                def run(self, plugin):
                    try:
                        return plugin.run()
                    finally:
                        self.update_execution_metrics()

            ToolRunner.run = fast
            """,
            f"{RUNTIME}/tools/{FILE}",
        ),
        *samples(
            """
            class FastRunner(ToolRunner):
                def run(self, call):  # bad
                    return self._invoke(call)
            ---
            class QuietRunner(tool_runner.ToolRunner):
                def update_execution_metrics(self, *_):  # bad
                    pass
            ---
            runner.update_execution_metrics = lambda *_: None
            ---
            setattr(ToolRunner, "run", fast)
            """,
            "functions/execute/handler.py",
        ),
    )
    passing = (
        *samples(
            """
            class ToolRunner:
                def run(self, call):
                    began = self._clock()
                    try:
                        outcome = self._call(call)
                    finally:
                        self.update_execution_metrics(call)
                    logger.info("over")
                    return replace(outcome, elapsed_s=self._clock() - began)

                def update_execution_metrics(self, call):
                    for sink in self._sinks:
                        sink.record(call)

            def serve(plugin, request):
                return plugin.run(request.tool, request.input)
            ---
            class ToolRunner:
                def run(self, call):
                    began = perf_counter()
                    outcome = Outcome.failed("interrupted")
                    try:
                        outcome = self._sandbox.run(call.plugin.name, encoded(call))
                    finally:
                        try:
                            self.update_execution_metrics(call, outcome, perf_counter() - began)
                        except OSError:
                            logger.exception("not counted")
                    return outcome

            def serve(request):
                plugin = load_plugin_class(request.source)()
                return plugin.run(request.tool, request.input)
            """,
            f"{RUNTIME}/tools/{FILE}",
        ),
        *samples(
            """
            class ToolRunner:
                def run(self, plugin):
                    started = monotonic()
                    try:
                        outcome = plugin.run()
                    except ValueError as error:
                        outcome = failed(error)
                    finally:
                        elapsed_ms = (monotonic() - started) * 1000
                        self.update_execution_metrics(elapsed_ms)
                    return outcome
            ---
            class ToolRunner:
                async def run(self, plugin):
                    try:
                        return await plugin.run()
                    finally:
                        for sink in self.sinks:
                            if sink.closed:
                                continue
                            sink.flush()
                        await self.metrics.update_execution_metrics()

                def update_execution_metrics(self, outcome):
                    self.registry.record(outcome)
            """,
            f"{RUNTIME}/tools/{FILE}",
        ),
        *samples("class ToolRunner: ..."),
    )
