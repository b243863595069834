# %% violation in functions/jobs/handler.py
import interlock_plugins

# %% violation in functions/jobs/handler.py
import interlock_plugins.ocr as ocr

# %% violation in functions/jobs/handler.py
from interlock_plugins.ocr import Ocr

# %% violation in functions/jobs/handler.py
from interlock_plugins import ocr

# %% violation in functions/jobs/handler.py
def lazily():
    from interlock_plugins.ocr import Ocr

# %% violation in functions/jobs/handler.py
importlib.import_module("interlock_plugins.ocr")

# %% violation in functions/jobs/handler.py
from importlib import import_module as load
load(f"interlock_plugins.{name}")

# %% violation in functions/jobs/handler.py
__import__("interlock_plugins.ocr")

# %% violation in functions/jobs/handler.py
pkgutil.resolve_name("interlock_plugins.ocr:Ocr")

# %% violation in functions/jobs/handler.py
runpy.run_module("interlock_plugins.ocr")

# %% violation in functions/jobs/handler.py
importlib.import_module("interlock_plugins." + name)

# %% violation in functions/jobs/handler.py
importlib.import_module(manifest.source.module)

# %% violation in functions/jobs/handler.py
spec_from_file_location("ocr", Path("layers/plugins/interlock_plugins") / "ocr.py")

# %% violation in functions/jobs/handler.py
importlib.import_module(plugin_module)

# %% violation in functions/jobs/handler.py
from interlock.plugins.loading import load_plugin_class as load
load(manifest.source)

# %% violation in functions/jobs/handler.py
loading.load_plugin_class(manifest.source)

# %% violation in functions/jobs/handler.py
entry_points(group="interlock.plugins")["ocr"].load()

# %% violation in functions/jobs/handler.py
found = importlib.metadata.entry_points().select(group="interlock.plugins")

# %% harmless in layers/plugins/interlock_plugins/ocr/__init__.py
from interlock_plugins.ocr import Ocr

# %% harmless in layers/runtime/interlock/plugins/loading.py
entry_points(group="interlock.plugins")

# %% harmless in layers/runtime/interlock/tools/worker_plugin.py
importlib.import_module(source.module)

# %% harmless
from interlock.plugins.index import PluginIndex

# %% harmless
handler = importlib.import_module(handler_module)

# %% harmless
entry_points(group="console_scripts")
