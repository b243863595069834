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
from tests.process.core.plugin_sources import BROKEN, GOOD

# Run these tests in one process: the index below is built once per process.
pytestmark = pytest.mark.xdist_group("plugin-index")


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
        with contextlib.suppress(OSError):  # the process has ended since it was listed
            command = entry.read_bytes()
            found += [command] if str(mark).encode() in command else []
    return found


def ends_everything_about(mark: Path) -> bool:
    """Wait until no process has this path in its command line. Return whether all have ended in time."""
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


@pytest.mark.usefixtures("nothing_installed")
def test_an_import_that_ends_the_describing_process_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "ends_it.py"
    file.write_text("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")
    [manifest] = build_index(tmp_path / "index", [file])
    assert (manifest.name, manifest.reason) == ("ends_it", "the process that imports plugins was ended")
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
