"""The pages whose content mkdocstrings takes from docstrings."""

from types import MappingProxyType

_PLUGIN_API = """# Plugin API

What a plugin imports from `interlock.plugin`. [Writing a plugin](plugins.md) explains how the parts belong together.

::: interlock.plugin
    options:
      members: [Plugin, tool, ToolContext, Cancelled, InvalidInput, FileBytes, FilePath]
"""

PYTHON_REFERENCE = MappingProxyType({"plugin-api.md": _PLUGIN_API})
"""Text by the page's path in the site."""
