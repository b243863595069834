"""The index: built by importing each plugin once in a child process, whatever its import does."""

import contextlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from interlock.domain.errors import UnknownPlugin
from interlock.domain.manifest import PluginManifest, PluginSource
from interlock.plugins import building
from interlock.plugins.building import IndexBuilder, build_index
from interlock.plugins.index import PluginIndex
from interlock.plugins.loading import load_plugin_class
from tests.fakes.plugins import a_plugin, an_index
from tests.process.core.plugin_files import HEAD, added_file, installed, plugin_class

# One process for all of them: the build below is made once for each.
pytestmark = pytest.mark.xdist_group("plugin-index")


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


class Built:
    def __init__(self, folder: Path, manifests: Mapping[str, PluginManifest]) -> None:
        self.folder = folder
        self.manifests = manifests


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """One index of all files in `BROKEN` and `GOOD`, without installed plugins."""
    folder = tmp_path_factory.mktemp("plugins")
    sources = {**{f"{name}.py": source for name, (source, _) in BROKEN.items()}, **GOOD}
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source)
    paths = sorted({folder / Path(name).parts[0] for name in sources})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "GROUP", "interlock.tests.none")
        patch.setattr(building, "IMPORT_LIMIT_S", 90.0)
        for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
            patch.delenv(name)  # coverage would double the time of the imports
        manifests = build_index(folder / "index", paths)
    return Built(folder, {manifest.name: manifest for manifest in manifests})


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_plugin_that_cannot_be_loaded_is_listed_with_its_reason(built: Built, name: str) -> None:
    manifest = built.manifests[name]
    assert manifest.reason is not None
    assert manifest.reason.startswith(BROKEN[name][1])
    assert (manifest.tools, manifest.available) == ((), False)


def processes_about(mark: Path) -> list[bytes]:
    """Return the command lines that contain this path."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # gone since it was listed
            command = entry.read_bytes()
            found += [command] if str(mark).encode() in command else []
    return found


def ends_everything_about(mark: Path) -> bool:
    """Wait until no such process exists. Return whether all have ended in time."""
    until = time.monotonic() + 20
    while (left := processes_about(mark)) and time.monotonic() < until:
        os.sched_yield()
    return not left


def test_processes_started_by_an_import_are_ended(built: Built) -> None:
    assert ends_everything_about(built.folder / "leaves_a_child.py")


@pytest.mark.usefixtures("nothing_installed")
def test_an_import_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "hangs.py"
    file.write_text("import os, time\nos.fork()\ntime.sleep(600)")
    monkeypatch.setattr(building, "IMPORT_LIMIT_S", 0.5)
    [manifest] = build_index(tmp_path / "index", [file])
    assert (manifest.name, manifest.reason) == ("hangs", "its import took over 0.5 s")
    assert ends_everything_about(file)


def test_a_plugin_is_described_with_its_tools(built: Built) -> None:
    manifest = built.manifests["good"]
    assert (manifest.version, manifest.title, manifest.description) == ("1.0.0", "good", "What it is for.")
    assert manifest.source == PluginSource("good", "Added", str(built.folder / "good.py"))
    [tool] = manifest.tools
    assert (tool.name, tool.timeout_s) == ("say", 5)
    assert tool.input_schema["required"] == ["text"]
    assert tool.output_schema["properties"] == {"text": {"title": "Text", "type": "string"}}


@pytest.mark.parametrize(
    "name",
    [
        "with_a_base",
        "first_of_two",
        "second_of_two",
        "same_twice",
        "other_name",
        "with_dash",
        "long_schema",
        "future",
        "of_a_package",
    ],
)
def test_other_ways_to_write_a_plugin_work_and_the_class_is_found_again(built: Built, name: str) -> None:
    manifest = built.manifests[name]
    assert manifest.reason is None
    assert load_plugin_class(manifest.source).name == name


def test_plugins_are_not_listed_under_their_file_names(built: Built) -> None:
    assert not {"two", "with-dash", "package"} & set(built.manifests)
    assert set(BROKEN) <= set(built.manifests)


def test_the_written_index_equals_the_built_one(built: Built) -> None:
    index = PluginIndex(built.folder / "index")
    assert index.names == tuple(sorted(built.manifests))
    for name, manifest in built.manifests.items():
        assert index.manifest(name) == manifest


@pytest.mark.usefixtures("nothing_installed")
def test_modules_of_the_working_directory_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "helper.py").write_text("")
    (tmp_path / "mine.py").write_text("import helper\n" + HEAD + plugin_class("mine"))
    monkeypatch.chdir(tmp_path)
    [manifest] = build_index(tmp_path / "index", [tmp_path / "mine.py"])
    assert manifest.reason == "needs helper: not installed"


@pytest.mark.usefixtures("nothing_installed")
def test_a_new_build_removes_the_manifests_of_removed_plugins(tmp_path: Path) -> None:
    an_index(tmp_path / "index", a_plugin("removed"))
    build_index(tmp_path / "index")
    with pytest.raises(UnknownPlugin):
        PluginIndex(tmp_path / "index").manifest("removed")


@pytest.mark.usefixtures("nothing_installed")
def test_update_describes_the_changed_plugin_only(tmp_path: Path) -> None:
    changing = added_file(tmp_path, "changing.py", HEAD + plugin_class("changing"))
    added_file(tmp_path, "other.py", HEAD + plugin_class("other"))
    builder = IndexBuilder(tmp_path / "index", [changing, tmp_path / "other.py"])
    builder.build()
    added_file(tmp_path, "changing.py", HEAD + plugin_class("renamed", version="2"))
    added_file(tmp_path, "other.py", "not Python")
    [manifest] = builder.update([changing], "7")
    assert (manifest.name, manifest.version, manifest.source.revision) == ("renamed", "2", "7")
    index = PluginIndex(tmp_path / "index")
    assert index.names == ("other", "renamed")
    assert index.manifest("renamed") == manifest
    assert index.manifest("other").source.revision == ""


def test_update_restores_an_installed_plugin_that_an_added_one_had_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    added_file(tmp_path, "shipped.py", HEAD + plugin_class("mine"))
    installed(monkeypatch, ("mine", "shipped", "Added"))
    added = added_file(tmp_path, "added.py", HEAD + plugin_class("mine"))
    builder = IndexBuilder(tmp_path / "index", [added])
    [manifest] = builder.build()
    assert manifest.source.path == str(added)
    added_file(tmp_path, "added.py", HEAD + plugin_class("yours"))
    builder.update([added], "1")
    index = PluginIndex(tmp_path / "index")
    assert [index.manifest(name).source.module for name in ("mine", "yours")] == ["shipped", "added"]

    added_file(tmp_path, "shipped.py", "1/0")
    [broken] = builder.update([tmp_path / "shipped.py"], "2")
    assert (broken.name, broken.available) == ("mine", False)


def test_index_is_read_again_when_it_was_updated(tmp_path: Path) -> None:
    index = an_index(tmp_path / "index", a_plugin("echo"))
    assert (index.manifest("echo").version, index.names) == ("1.0.0", ("echo",))
    shutil.rmtree(tmp_path / "index")
    an_index(tmp_path / "index", a_plugin("echo", version="2"), a_plugin("new"))
    assert (index.manifest("echo").version, index.names) == ("1.0.0", ("echo",))
    index.forget()
    assert (index.manifest("echo").version, index.names) == ("2", ("echo", "new"))
