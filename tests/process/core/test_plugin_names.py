"""Several plugins with one name: added files and installed packages, both working and broken."""

import json
from pathlib import Path

import pytest

from interlock.domain.manifest import PluginSource
from interlock.plugins.building import build_index
from interlock.plugins.loading import load_plugin_class
from tests.process.core.plugin_files import HEAD, added_file, build, installed, plugin_class

IMAGE = ("image", "interlock_plugins.image", "Image")
MOTION = ("motion", "interlock_plugins.motion", "Motion")


def test_an_added_file_replaces_an_installed_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, IMAGE, MOTION)
    file = tmp_path / "mine.py"
    file.write_text(HEAD + plugin_class("image", tool_name="try_it", version="9.9.9"))
    manifests = {manifest.name: manifest for manifest in build_index(tmp_path / "index", [file])}
    assert (manifests["image"].version, manifests["image"].source.path) == ("9.9.9", str(file))
    assert set(manifests) == {"image", "motion"}
    assert all(manifest.available for manifest in manifests.values())


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


def test_two_layer_plugins_of_one_name_are_both_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("named_one", "named_two"):
        added_file(tmp_path, f"{name}.py", HEAD + plugin_class("echo"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    installed(monkeypatch, ("one", "named_one", "Added"), ("two", "named_two", "Added"))
    found = build(tmp_path)
    assert found["echo"].reason == "several plugins have this name: named_one:Added, named_two:Added"
    assert set(found) == {"echo"}


def test_one_class_behind_two_entry_points_is_one_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, MOTION, ("moved", *MOTION[1:]))
    found = build(tmp_path)
    assert set(found) == {"motion"}
    assert found["motion"].available


def test_broken_file_does_not_displace_a_working_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, IMAGE)
    (tmp_path / "other").mkdir()
    files = [added_file(folder, "image.py", "1/0") for folder in (tmp_path, tmp_path / "other")]
    found = build(tmp_path, *files)
    assert found["image"].available
    for name in ("image_2", "image_3"):
        reason = "image.py: its import failed: ZeroDivisionError: division by zero (image.py, line 1)"
        assert (found[name].reason, found[name].title) == (reason, name)


def test_broken_entry_point_does_not_displace_a_working_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, ("motion", "no_such_module", "Any"), ("moves", *MOTION[1:]))
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
