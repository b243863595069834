"""Import plugin code. This is the only module that does, and it is used only in worker processes and by the index's
child process."""

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from interlock.domain.manifest import PluginSource

MODULE_PREFIX = "interlock_added_"


def load_plugin_class(source: PluginSource) -> type[Any]:
    """Import a plugin's class. Raises whatever the import raises."""
    module = load_file(Path(source.path)) if source.path else importlib.import_module(source.module)
    found: type[Any] = getattr(module, source.class_name)
    return found


def load_file(path: Path) -> ModuleType:
    """Import a `.py` file or a package folder, under a name that hides no installed module."""
    name = module_name(path)
    file = path / "__init__.py" if path.is_dir() else path
    folders = [str(path)] if path.is_dir() else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folders)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def module_name(path: Path) -> str:
    """Return the module name under which `load_file` imports a file or folder."""
    return MODULE_PREFIX + re.sub(r"\W", "_", path.stem)
