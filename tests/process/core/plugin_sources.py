"""Sources of plugins to build an index of: `BROKEN` by name, each with the reason that the index gives, and `GOOD` by
file."""

from collections.abc import Mapping

from tests.process.core.plugin_files import HEAD, plugin_class

SCRIBBLE = """
import os
for n in range(3, 64):
    try:
        os.write(n, b"garbage")
    except OSError:
        pass
"""
BROKEN: Mapping[str, tuple[str, str]] = {
    "missing_dependency": ("import no_such_module", "needs no_such_module: not installed"),
    "missing_part": ("from json import no_such_name", "its import failed: ImportError: cannot import name"),
    "own_import_error": ("raise ModuleNotFoundError('no driver')", "its import failed: ModuleNotFoundError: no driver"),
    "syntax": ("def (", "its import failed: SyntaxError: "),
    "raises": ("1/0", "its import failed: ZeroDivisionError: division by zero"),
    "exits": ("import sys; sys.exit(3)", "its import exited with 3"),
    "interrupts": ("raise KeyboardInterrupt", "its import failed: KeyboardInterrupt: "),
    "dies": ("import os; os._exit(7)", "its import exited with 7"),
    "leaves": ("import os; os._exit(0)", "its import exited with 0"),
    "crashes": ("import ctypes; ctypes.string_at(0)", "its import was ended by signal 11"),
    "speechless": (
        "class E(Exception):\n def __str__(self): raise ValueError\nraise E",
        "its import failed: E (ValueError in its __str__)",
    ),
    "fatally_speechless": (
        "class E(Exception):\n def __str__(self): raise SystemExit\nraise E",
        "its import failed: E (SystemExit in its __str__)",
    ),
    "empty": ("", "its import failed: ImportError: holds no class derived from interlock.plugin.Plugin"),
    "imports_only": ("from interlock.plugin import Plugin", "its import failed: ImportError: holds no class"),
    "no_tool": (
        HEAD + "class P(Plugin):\n name, version = 'p', '1'",
        "its declaration is not valid: plugin 'p' declares",
    ),
    "bad_name": (HEAD + plugin_class("Not-A-Name"), "its declaration is not valid: plugin 'Not-A-Name': a name is"),
    "scribbles": (SCRIBBLE + "1/0", "its import failed: ZeroDivisionError: division by zero"),
    "only_scribbles": (SCRIBBLE + "os._exit(0)", "its import exited with 0"),
    "noisy": (
        "import os\nos.write(1, b'x' * 1_000_000)\nos.write(2, b'x' * 1_000_000)\n1/0",
        "its import failed: Zero",
    ),
    "infinite": (
        HEAD.replace("text: str", "limit: float = float('inf')", 1) + plugin_class("infinite"),
        "its declaration is not valid: tool 'say': its input's schema has inf at properties.limit.default: take None",
    ),
    "no_number": (
        HEAD
        + "class Many(BaseModel):\n    x: float = __import__('pydantic').Field(examples=[1.0, float('nan')])\n"
        + plugin_class("no_number").replace("Out:", "Many:"),
        "its declaration is not valid: tool 'say': its output's schema has nan at properties.x.examples.1: take None",
    ),
    "no_pattern": (
        HEAD.replace("text: str", "text: str = __import__('pydantic').Field(json_schema_extra={'pattern': '(['})", 1)
        + plugin_class("no_pattern"),
        "its declaration is not valid: tool 'say': its input's schema is wrong at properties.text.pattern: ",
    ),
    "no_text": (
        HEAD.replace("text: str", "text: str = '\\ud800'", 1) + plugin_class("no_text"),
        "its declaration is not valid: tool 'say': its input's schema is wrong: ",
    ),
    "no_schema": (
        HEAD.replace("text: str", "text: __import__('typing').Callable[[], int]", 1) + plugin_class("no_schema"),
        "its declaration is not valid: tool 'say': its input's schema cannot be made: ",
    ),
    "unwritable": (
        HEAD.replace("text: str", "text: str = __import__('pydantic').Field(json_schema_extra={'x': object()})", 1)
        + plugin_class("unwritable"),
        "its declaration is not valid: tool 'say': its input's schema cannot be made: ",
    ),
    "misspelt": (
        "x = 1\n\nInputt\n",
        "its import failed: NameError: name 'Inputt' is not defined (misspelt.py, line 3)",
    ),
    "fails_below": (
        "import json\ndef read():\n    json.loads('')\nread()\n",
        "its import failed: JSONDecodeError: Expecting value: line 1 column 1 (char 0) (fails_below.py, line 3)",
    ),
    "evaluated": ("eval('lost')", "its import failed: NameError: name 'lost' is not defined (evaluated.py, line 1)"),
    "with_a_link": (
        "raise ValueError('see https://example.org/a/b/c#d, not /etc/a/b')",
        "its import failed: ValueError: see https://example.org/a/b/c#d, not b (with_a_link.py, line 1)",
    ),
    "named_by_a_link": ("raise ValueError('file:///opt/a/b')", "its import failed: ValueError: file://b ("),
    "leaves_a_child": (
        "import os, time\nif os.fork() == 0: time.sleep(600)\n1/0",
        "its import failed: ZeroDivisionError: division by zero",
    ),
}
GOOD: Mapping[str, str] = {
    "good.py": HEAD + plugin_class("good"),
    "two.py": HEAD + plugin_class("first_of_two", "First") + plugin_class("second_of_two", "Second"),
    "same_twice.py": HEAD + plugin_class("same_twice") + "Again = Added\n",
    "other_name.py": HEAD + plugin_class("other_name") + "Public = Added\nPublic.__name__ = 'Renamed'\ndel Added\n",
    "with-dash.py": HEAD + plugin_class("with_dash"),
    # Beyond what a pipe holds.
    "long_schema.py": HEAD
    + "import enum\nWord = enum.Enum('Word', [(f'word{n:05}', f'word{n:05}') for n in range(20_000)])\n"
    + "class Words(BaseModel):\n    text: Word\n"
    + plugin_class("long_schema").replace("input: In", "input: Words"),
    "with_a_base.py": HEAD
    + plugin_class("with_a_base", "Base").replace('name, version = "with_a_base", ', "version = ")
    + "class Added(Base):\n    name = 'with_a_base'\n",
    "future.py": "from __future__ import annotations\n" + HEAD + plugin_class("future"),
    "package/__init__.py": "from .parts.plugin import Added\n",
    "package/parts/__init__.py": "",
    "package/parts/plugin.py": HEAD + "from ..words import NAME\n" + plugin_class("of_a_package"),
    "package/words.py": "NAME = 'x'\n",
}
