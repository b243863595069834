# %% violation in layers/runtime/interlock/tools/tool_runner.py
class Runner: ...

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:  # bad
    def execute(self, plugin):
        return plugin.run()

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):  # bad
        outcome = plugin.run()
        self.update_execution_metrics(outcome)
        return outcome

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):  # bad
        try:
            outcome = plugin.run()
        except ValueError:
            outcome = None
        self.update_execution_metrics(outcome)
        return outcome

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):
        try:
            return plugin.run()
        finally:
            self.log()  # bad

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):
        try:
            return plugin.run()
        finally:
            if self.counting:  # bad
                self.update_execution_metrics()

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):
        try:
            return plugin.run()
        finally:
            self.counting and self.update_execution_metrics()  # bad

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):
        try:
            return plugin.run()
        finally:
            self.update_execution_metrics()
            return None  # bad

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):  # bad
        for attempt in range(2):
            try:
                return plugin.run()
            finally:
                self.update_execution_metrics()
                break

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):
        if plugin is None:
            return None  # bad
        try:
            return plugin.run()
        finally:
            self.update_execution_metrics()

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):
        outcome = self._invoke(plugin)  # bad
        try:
            return outcome
        finally:
            self.update_execution_metrics()
    def _invoke(self, plugin):
        return plugin.run()

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):
        try:
            pass
        finally:
            self.update_execution_metrics()
        return plugin.run()  # bad

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):  # bad
        if self.fast:
            try:
                return plugin.run()
            finally:
                self.update_execution_metrics()

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):
        try:
            outcome = plugin.run()
            self.update_execution_metrics(outcome)  # bad
            return outcome
        finally:
            self.update_execution_metrics()

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):
        try:
            return (
                plugin.run()
                or plugin.run()  # bad
            )
        finally:
            self.update_execution_metrics()

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:  # bad
    def run(self, call):
        try:
            return self._sandbox.run(call)
        finally:
            self.update_execution_metrics()

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):
        try:
            go = plugin.run  # bad
            return go()
        finally:
            self.update_execution_metrics()

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):
        try:
            return _serve(plugin)  # bad
        finally:
            self.update_execution_metrics()

def _serve(plugin):
    return plugin.run()

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):
        try:
            return plugin.run()
        finally:
            self.update_execution_metrics()
    def update_execution_metrics(self):  # bad
        logger.info("not counted")

# %% violation in layers/runtime/interlock/tools/tool_runner.py
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

# %% violation in layers/runtime/interlock/tools/tool_runner.py
class ToolRunner:
    def run(self, plugin):
        try:
            return plugin.run()
        finally:
            self.update_execution_metrics()

ToolRunner.run = fast

# %% violation in functions/execute/handler.py
class FastRunner(ToolRunner):
    def run(self, call):  # bad
        return self._invoke(call)

# %% violation in functions/execute/handler.py
class QuietRunner(tool_runner.ToolRunner):
    def update_execution_metrics(self, *_):  # bad
        pass

# %% violation in functions/execute/handler.py
runner.update_execution_metrics = lambda *_: None

# %% violation in functions/execute/handler.py
setattr(ToolRunner, "run", fast)

# %% harmless in layers/runtime/interlock/tools/tool_runner.py
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

# %% harmless in layers/runtime/interlock/tools/tool_runner.py
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

# %% harmless in layers/runtime/interlock/tools/tool_runner.py
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

# %% harmless in layers/runtime/interlock/tools/tool_runner.py
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

# %% harmless
class ToolRunner: ...
