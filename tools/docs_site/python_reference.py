"""The pages whose content mkdocstrings takes from docstrings."""

from types import MappingProxyType

_PLUGIN_API = """# Plugin API

The names that a plugin imports from `interlock.plugin`. [Writing a plugin](plugins.md) shows how they are used.

::: interlock.plugin
    options:
      members: [Plugin, tool, ToolContext, Cancelled, InvalidInput, FileBytes, FilePath]
"""

_CLIENT_API = """# Client API

The classes of `interlock_client`. [The Python client](client.md) explains how they belong together.

::: interlock_client
    options:
      members: [Interlock, Job, Batch, AsyncInterlock, AsyncJob, AsyncBatch, Retries, decode_file, save_file]
      inherited_members: true

## Errors

::: interlock_client.errors
    options:
      show_root_heading: false
      heading_level: 3

## Documents

::: interlock_client.documents
    options:
      show_root_heading: false
      heading_level: 3

::: interlock_client.batch_documents
    options:
      show_root_heading: false
      heading_level: 3
"""

PYTHON_REFERENCE = MappingProxyType({"plugin-api.md": _PLUGIN_API, "client-api.md": _CLIENT_API})
"""Text by the page's path in the site."""
