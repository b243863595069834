# %% violation
plugin.run(tool, input, context)

# %% violation
self.plugin.run(tool, input, context)

# %% violation
self._plugin.run_tool(tool, input, context)

# %% violation
p = plugin
q = p
q.run(tool, input, context)

# %% violation
go = ocr_plugin.run  # bad
go(tool, input, context)

# %% violation
getattr(plugin, "run")(tool, input, context)

# %% violation
NAME = "ru" + "n"
getattr(plugin, NAME)

# %% violation
getattr(plugin, tool)(input, context)

# %% violation
plugin.__getattribute__("run")

# %% violation
vars(plugin)["run"]

# %% violation
operator.methodcaller("run", tool, input, context)(plugin)

# %% violation
async def call(plugin):
    await plugin.run(tool, input, context)

# %% violation
def call(plugin):
    return plugin.run(tool, input, context)

# %% violation
results = [each.run(tool, input, context) for each in plugins]

# %% violation
for name, each in self._plugins.items():
    each.run(tool, input, context)

# %% violation
call = lambda p: p.run(tool, input, context)  # bad
call(plugin)

# %% violation
list(map(lambda p: p.run(tool, input, context), plugins))

# %% violation
functools.partial(plugin.run, tool)

# %% violation
asyncio.to_thread(plugin.run, tool, input, context)

# %% violation
executor.submit(plugin.run, tool, input, context)

# %% violation
load_plugin(manifest).run(tool, input, context)

# %% violation
loaded = load_plugin(manifest)
loaded.run(tool, input, context)

# %% violation
plugins["ocr"].run(tool, input, context)

# %% violation
next(iter(plugins.values())).run(tool, input, context)

# %% violation
OcrPlugin().run(tool, input, context)

# %% violation
class Ocr(Plugin):
    pass
Ocr().run(tool, input, context)

# %% violation
class Ocr(Plugin):
    def again(self, input, context):
        return self.run("analyze", input, context)

# %% violation
class Ocr(Plugin):
    def run(self, tool, input, context):
        return super().run(tool, input, context)

# %% violation
def call(thing: Plugin):
    return thing.run(tool, input, context)

# %% violation
def call(thing: "type[Plugin] | None"):
    return thing.run(tool, input, context)

# %% violation
def call(things: Sequence[Plugin]):
    return things[0].run(tool, input, context)

# %% violation
def call(thing):
    return thing.run(tool, input, context)  # bad
call(plugin)

# %% violation
def call(thing=plugin):
    return thing.run(tool, input, context)

# %% violation
def current() -> Plugin:
    ...
current().run(tool, input, context)

# %% violation
class Holder:
    def __init__(self, plugin):
        self._held = plugin
    def call(self):
        return self._held.run(tool, input, context)

# %% violation
if isinstance(thing, Plugin):
    thing.run(tool, input, context)

# %% violation
match thing:
    case Plugin() as found:
        found.run(tool, input, context)

# %% violation
Plugin.run(thing, tool, input, context)

# %% violation
(plugin or other).run(tool, input, context)

# %% violation
(p := plugin).run(tool, input, context)

# %% violation
plugin.analyze(input, context)

# %% violation
executor.submit(plugin.analyze, input, context)

# %% violation
go = plugin.analyze
go(input, context)

# %% violation
plugin.tools["analyze"](input, other)

# %% violation
state["plugin"].run(tool, input, context)

# %% violation
plugin.__class__.run(plugin, tool, input, context)

# %% violation
[first, *others] = plugins
others[0].run(tool, input, context)

# %% violation
several = {each.name: each for each in plugins}
several["ocr"].run(tool, input, context)

# %% violation
one, other = plugin, None
one.run(tool, input, context)

# %% violation
cache["ocr"] = plugin
cache["ocr"].run(tool, input, context)

# %% violation
with closing(plugin) as p:
    p.run(tool, input, context)

# %% violation
make = lambda: plugin
make().run(tool, input, context)

# %% violation
from interlock_plugins.ocr import Ocr
Ocr().run(tool, input, context)

# %% violation
class Holder:
    held = plugin

    @property
    def current(self):
        return self.held

    def call(self):
        return self.current.run(tool, input, context)

# %% violation
current = None
def take(plugin):
    global current
    current = plugin
def call():
    return current.run(tool, input, context)

# %% violation
getattr(self, "plugin").run(tool, input, context)

# %% violation
Plugin.run = faster

# %% violation
setattr(Plugin, "run", faster)

# %% violation
exec("plugin.run(tool, input, context)")

# %% violation
spec.method(plugin, input, context)

# %% violation
plugin.tools()["analyze"].method(plugin, input, context)

# %% violation
for each in plugin.tools().values():
    each.handler(input, context)

# %% harmless
subprocess.run(["true"], check=True)

# %% harmless
outcome = tool_runner.run(plugin, tool, input)

# %% harmless
outcome = self._runner.run(plugin=plugin, tool=tool)

# %% harmless
result = self._sandbox.run(plugin, input)

# %% harmless
app.run(port=3000)

# %% harmless
asyncio.run(main(plugin))

# %% harmless
class Echo(Plugin):
    def run(self, tool, input, context):
        ...

# %% harmless
class Echo(Plugin):
    def shout(self, input, context):
        return self.say(input, context)

# %% harmless
name, version = plugin.name, getattr(plugin, "version")

# %% harmless
plugin = load(name)
plugin.setup()

# %% harmless
def serve(p):
    return p.run()
serve(server)

# %% harmless
if request.method == "GET":
    route.handler(request)

# %% harmless in layers/runtime/interlock/tools/tool_runner.py
plugin.run(tool, input, context)

# %% harmless in layers/runtime/interlock/plugin.py
class Plugin:
    def run(self, tool, input, context):
        spec = self.tools()[tool]
        return spec.method(self, input, context)
