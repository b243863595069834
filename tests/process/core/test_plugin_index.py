"""The index: built by importing each plugin once in a child process, whatever its import does."""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from interlock.domain.errors import UnknownPlugin
from interlock.domain.manifest import PluginManifest, PluginSource
from interlock.plugins import building
from interlock.plugins.audit import InstalledPlugin
from interlock.plugins.building import build_index, main
from interlock.plugins.index import PluginIndex, open_index
from interlock.plugins.loading import load_plugin_class
from tests.fakes.plugins import a_broken_plugin, a_plugin, an_index

# One process for all of them: the build below is made once for each.
pytestmark = pytest.mark.xdist_group("plugin-index")

HEAD = """
import ctypes, os, sys, time
from pydantic import BaseModel
from interlock.plugin import Plugin, ToolContext, tool

class In(BaseModel):
    text: str

class Out(BaseModel):
    text: str
"""


def plugin_class(name: str, class_name: str = "Added", tool_name: str = "say", version: str = "1.0.0") -> str:
    return f"""
class {class_name}(Plugin):
    "What it is for."
    name, version = "{name}", "{version}"

    @tool(timeout_s=5)
    def {tool_name}(self, input: In, context: ToolContext) -> Out:
        return {{"text": input.text}}
"""


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
        "its import failed: TypeError: plugin 'p' declares",
    ),
    "bad_name": (HEAD + plugin_class("Not-A-Name"), "its import failed: TypeError: plugin 'Not-A-Name': a name is"),
    "scribbles": (SCRIBBLE + "1/0", "its import failed: ZeroDivisionError: division by zero"),
    "only_scribbles": (SCRIBBLE + "os._exit(0)", "its import exited with 0"),
    "noisy": (
        "import os\nos.write(1, b'x' * 1_000_000)\nos.write(2, b'x' * 1_000_000)\n1/0",
        "its import failed: Zero",
    ),
    "infinite": (
        HEAD.replace("text: str", "limit: float = float('inf')", 1) + plugin_class("infinite"),
        "its import failed: TypeError: tool 'say': its input's schema has inf at properties.limit.default: take None",
    ),
    "no_number": (
        HEAD
        + "class Many(BaseModel):\n    x: float = __import__('pydantic').Field(examples=[1.0, float('nan')])\n"
        + plugin_class("no_number").replace("Out:", "Many:"),
        "its import failed: TypeError: tool 'say': its output's schema has nan at properties.x.examples.1: take None",
    ),
    "no_pattern": (
        HEAD.replace("text: str", "text: str = __import__('pydantic').Field(json_schema_extra={'pattern': '(['})", 1)
        + plugin_class("no_pattern"),
        "its import failed: TypeError: tool 'say': its input's schema is wrong at properties.text.pattern: ",
    ),
    "no_text": (
        HEAD.replace("text: str", "text: str = '\\ud800'", 1) + plugin_class("no_text"),
        "its import failed: TypeError: tool 'say': its input's schema is wrong: ",
    ),
    "no_schema": (
        HEAD.replace("text: str", "text: __import__('typing').Callable[[], int]", 1) + plugin_class("no_schema"),
        "its import failed: TypeError: tool 'say': its input's schema cannot be made: ",
    ),
    "unwritable": (
        HEAD.replace("text: str", "text: str = __import__('pydantic').Field(json_schema_extra={'x': object()})", 1)
        + plugin_class("unwritable"),
        "its import failed: TypeError: tool 'say': its input's schema cannot be made: ",
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


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "GROUP", "interlock.tests.none")


class Built:
    def __init__(self, folder: Path, manifests: Mapping[str, PluginManifest]) -> None:
        self.folder = folder
        self.manifests = manifests


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """One build of everything above, none of it installed."""
    folder = tmp_path_factory.mktemp("plugins")
    sources = {**{f"{name}.py": source for name, (source, _) in BROKEN.items()}, **GOOD}
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source)
    paths = sorted({folder / Path(name).parts[0] for name in sources})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "GROUP", "interlock.tests.none")
        patch.setattr(building, "IMPORT_LIMIT_S", 90.0)
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
    """True once there is no such process any more: it was killed, and dies in its own time."""
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


def test_an_added_file_replaces_an_installed_plugin(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(HEAD + plugin_class("image", tool_name="try_it", version="9.9.9"))
    manifests = {manifest.name: manifest for manifest in build_index(tmp_path / "index", [file])}
    assert (manifests["image"].version, manifests["image"].source.path) == ("9.9.9", str(file))
    assert {"ocr", "motion", "block_mapper"} <= set(manifests)
    assert all(manifest.available for manifest in manifests.values())


@pytest.mark.usefixtures("nothing_installed")
def test_modules_of_the_working_directory_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "helper.py").write_text("")
    (tmp_path / "mine.py").write_text("import helper\n" + HEAD + plugin_class("mine"))
    monkeypatch.chdir(tmp_path)
    [manifest] = build_index(tmp_path / "index", [tmp_path / "mine.py"])
    assert manifest.reason == "needs helper: not installed"


# --- One name, several plugins ---


def build(folder: Path, *files: Path) -> Mapping[str, PluginManifest]:
    built = build_index(folder / "index", files)
    return {manifest.name: manifest for manifest in built}


def added_file(folder: Path, name: str, source: str) -> Path:
    (folder / name).write_text(source)
    return folder / name


@pytest.mark.usefixtures("nothing_installed")
def test_two_classes_of_one_name_are_both_rejected(tmp_path: Path) -> None:
    both = plugin_class("echo", "One") + plugin_class("echo", "Two")
    found = build(tmp_path, added_file(tmp_path, "both.py", HEAD + both + plugin_class("other", "Other")))
    assert found["echo"].reason == "several plugins have this name: both.py:One, both.py:Two"
    assert found["other"].available


@pytest.mark.usefixtures("nothing_installed")
def test_two_added_files_of_one_name_are_both_rejected(tmp_path: Path) -> None:
    files = [added_file(tmp_path, name, HEAD + plugin_class("echo")) for name in ("a.py", "b.py")]
    assert build(tmp_path, *files)["echo"].reason == "several plugins have this name: a.py:Added, b.py:Added"


@pytest.mark.usefixtures("nothing_installed")
def test_file_added_twice_is_loaded_once(tmp_path: Path) -> None:
    file = added_file(tmp_path, "a.py", HEAD + plugin_class("echo"))
    assert build(tmp_path, file, tmp_path / "." / "a.py")["echo"].available


def installed(monkeypatch: pytest.MonkeyPatch, *entries: tuple[str, str, str]) -> None:
    plugins = [InstalledPlugin(*entry, distribution="interlock-plugins", version="1") for entry in entries]
    monkeypatch.setattr(building, "installed_plugins", lambda _: plugins)


def test_two_layer_plugins_of_one_name_are_both_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("named_one", "named_two"):
        added_file(tmp_path, f"{name}.py", HEAD + plugin_class("echo"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    installed(monkeypatch, ("one", "named_one", "Added"), ("two", "named_two", "Added"))
    found = build(tmp_path)
    assert found["echo"].reason == "several plugins have this name: named_one:Added, named_two:Added"
    assert set(found) == {"echo"}


def test_one_class_behind_two_entry_points_is_one_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = ("interlock_plugins.motion", "Motion")
    installed(monkeypatch, ("motion", *entry), ("moved", *entry))
    found = build(tmp_path)
    assert set(found) == {"motion"}
    assert found["motion"].available


def test_broken_file_does_not_displace_a_working_plugin(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    files = [added_file(folder, "image.py", "1/0") for folder in (tmp_path, tmp_path / "other")]
    found = build(tmp_path, *files)
    assert found["image"].available
    for name in ("image_2", "image_3"):
        reason = "image.py: its import failed: ZeroDivisionError: division by zero (image.py, line 1)"
        assert (found[name].reason, found[name].title) == (reason, name)


def test_broken_entry_point_does_not_displace_a_working_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, ("motion", "no_such_module", "Any"), ("moves", "interlock_plugins.motion", "Motion"))
    found = build(tmp_path)
    assert found["motion"].available
    assert found["motion_2"].reason == "no_such_module:Any: needs no_such_module: not installed"
    record = json.loads((tmp_path / "index" / "installed.json").read_text())["installed"]
    assert [one["plugin"] for one in record] == ["motion_2", "motion"]


def test_an_added_plugin_replaces_a_broken_one_of_the_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, ("motion", "no_such_module", "Any"))
    found = build(tmp_path, added_file(tmp_path, "mine.py", HEAD + plugin_class("motion")))
    assert set(found) == {"motion"}
    assert found["motion"].available
    record = json.loads((tmp_path / "index" / "installed.json").read_text())["installed"]
    assert [one["plugin"] for one in record] == [None]


def test_an_added_file_hides_no_installed_module(tmp_path: Path) -> None:
    file = tmp_path / "json.py"
    file.write_text("class Added: name = 'json'")
    found = load_plugin_class(PluginSource("json", "Added", str(file)))
    assert found.name == "json"
    assert found.__module__ != "json"
    assert hasattr(json, "loads")


def test_file_that_is_not_python_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("hello")
    with pytest.raises(ImportError, match=r"notes\.txt is not a Python file"):
        load_plugin_class(PluginSource("notes", "", str(file)))


# --- Reading ---


def test_a_name_from_a_request_never_becomes_a_path(tmp_path: Path) -> None:
    index = an_index(tmp_path / "index", a_plugin("ocr"))
    (tmp_path / "secret.json").write_text(json.dumps(a_plugin("secret").to_dict()))
    for name in ("../../secret", "secret", "ocr.json", "../plugins/ocr", ""):
        with pytest.raises(UnknownPlugin):
            index.manifest(name)


def test_a_manifest_is_read_once(tmp_path: Path) -> None:
    index = an_index(tmp_path / "index", a_plugin("ocr"))
    first = index.manifest("ocr")
    (tmp_path / "index" / "plugins" / "ocr.json").unlink()
    assert index.manifest("ocr") is first


def test_an_empty_index_is_reported(tmp_path: Path) -> None:
    index = an_index(tmp_path / "index")
    assert index.names == ()
    with pytest.raises(UnknownPlugin, match="There are: none"):
        index.manifest("ocr")


def test_the_environment_names_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    an_index(tmp_path / "index", a_plugin("ocr"), a_broken_plugin())
    monkeypatch.setenv("INTERLOCK_PLUGIN_INDEX", str(tmp_path / "index"))
    open_index.cache_clear()
    assert open_index().names == ("broken", "ocr")
    assert open_index() is open_index()
    open_index.cache_clear()


# --- The command line ---


@pytest.mark.usefixtures("nothing_installed")
def test_the_command_writes_the_index_and_reports_broken_plugins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text(HEAD + plugin_class("good"))
    bad.write_text("import no_such_module")
    code = main(["--out", str(tmp_path / "index"), "--path", str(good), "--path", str(bad)])
    assert code == 0
    assert capsys.readouterr().err == "plugin bad is unavailable: needs no_such_module: not installed\n"
    assert PluginIndex(tmp_path / "index").names == ("bad", "good")


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize(("source", "code"), [(HEAD + plugin_class("good"), 0), ("import no_such_module", 1)])
def test_a_strict_build_fails_with_a_broken_plugin(tmp_path: Path, source: str, code: int) -> None:
    file = tmp_path / "added.py"
    file.write_text(source)
    assert main(["--strict", "--out", str(tmp_path / "index"), "--path", str(file)]) == code


def test_the_command_needs_a_folder_to_write_to(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "are required: --out" in capsys.readouterr().err


@pytest.mark.usefixtures("nothing_installed")
def test_a_build_replaces_the_index_that_was_there(tmp_path: Path) -> None:
    file = tmp_path / "good.py"
    file.write_text(HEAD + plugin_class("good"))
    build_index(tmp_path / "index", [file])
    build_index(tmp_path / "index")
    assert PluginIndex(tmp_path / "index").names == ()


def test_a_long_name_is_not_quoted_whole(tmp_path: Path) -> None:
    index = an_index(tmp_path, a_plugin("echo"))
    with pytest.raises(UnknownPlugin) as refused:
        index.manifest("a" * 60_000)
    assert len(str(refused.value)) < 1000
