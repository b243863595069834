"""The audit compares the index with the layer for the plugin pages, without importing a plugin.

The layer is a folder of packages with the metadata that an installer writes. Its index is built in the usual way, and
the layer is changed afterwards.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from interlock.plugins.audit import Finding
from interlock.plugins.index import PluginIndex
from tests.fakes.world import World

pytestmark = pytest.mark.xdist_group("registry-audit")

PLUGIN = """
import audited_needs
from pydantic import BaseModel
from interlock.plugin import Plugin, ToolContext, tool

class Text(BaseModel):
    text: str

class {class_name}(Plugin):
    name, version = "{name}", "1.0.0"

    @tool(timeout_s=5)
    def say(self, input: Text, context: ToolContext) -> Text:
        return input
"""
MUST_NOT_BE_IMPORTED = "import pathlib\npathlib.Path({marker!r}).touch()\nraise SystemExit('imported')\n"
REBUILD = "build the layer again"


def distribution(layer: Path, name: str, version: str, modules: list[str], *more: str, plugins: str = "") -> None:
    """The metadata of an installed package."""
    info = layer / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    head = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *more]
    (info / "METADATA").write_text("\n".join(head) + "\n")
    (info / "RECORD").write_text("".join(f"{module},,\n" for module in modules))
    if plugins:
        (info / "entry_points.txt").write_text(f"[interlock.plugins]\n{plugins}")


def plugin_distribution(layer: Path, version: str = "1.0", plugins: str = "") -> None:
    listed = plugins or "first = audited.first:First\nsecond = audited.second:Second\n"
    distribution(layer, "audited", version, ["audited/first.py"], "Requires-Dist: audited-needs>=1", plugins=listed)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layer and, in `index`, its index."""
    layer = tmp_path_factory.mktemp("layer")
    (layer / "audited").mkdir()
    (layer / "audited" / "__init__.py").write_text("")
    for name in ("first", "second"):
        (layer / "audited" / f"{name}.py").write_text(PLUGIN.format(name=name, class_name=name.capitalize()))
    (layer / "audited_needs.py").write_text("")
    plugin_distribution(layer)
    distribution(layer, "audited-needs", "1.0", ["audited_needs.py"])
    subprocess.run(
        [sys.executable, "-m", "interlock.plugins.building", "--out", str(layer / "index")],
        env={**os.environ, "PYTHONPATH": str(layer)},
        check=True,
        timeout=100,
    )
    return layer


@pytest.fixture
def layer(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the layer on the import path, for a test to change. Importing a plugin leaves a file and fails."""
    copy = tmp_path / "layer"
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns("__pycache__"))
    trap = MUST_NOT_BE_IMPORTED.format(marker=str(tmp_path / "imported"))
    for file in (copy / "audited").glob("*.py"):
        file.write_text(trap)
    (copy / "audited_needs.py").write_text(trap)
    monkeypatch.syspath_prepend(str(copy))
    return copy


type Pages = Callable[[], dict[str, Any]]


@pytest.fixture
def world(tmp_path: Path, layer: Path) -> World:
    return World(tmp_path, index=PluginIndex(layer / "index"))


@pytest.fixture
def pages(world: World, tmp_path: Path) -> Pages:
    """Read the plugin list and the health of each plugin of this layer."""

    def read() -> dict[str, Any]:
        listed = {one["name"]: one for one in world.request("GET", "/v1/plugins").body["plugins"]}
        for name, one in listed.items():
            health = world.request("GET", f"/v1/plugins/{name}/health").body
            assert (health["state"], health["reason"]) == (one["state"], one["reason"])
        assert not (tmp_path / "imported").exists()
        return {name: (listed[name]["state"], listed[name]["reason"]) for name in listed}

    return read


def test_unchanged_layer_has_no_audit_findings(pages: Pages) -> None:
    found = pages()
    assert {"first", "second", "ocr", "image", "motion", "block_mapper"} <= set(found)
    assert set(found.values()) == {("LOADED", None)}


def test_plugin_removed_from_the_layer_is_reported_as_missing(layer: Path, pages: Pages) -> None:
    shutil.rmtree(layer / "audited-1.0.dist-info")
    plugin_distribution(layer, plugins="second = audited.second:Second\n")
    found = pages()
    assert found["first"] == ("UNAVAILABLE", f"is in the index but no longer in the layer: {REBUILD}")
    assert found["second"] == ("LOADED", None)


def test_plugin_with_deleted_code_is_reported(layer: Path, pages: Pages) -> None:
    (layer / "audited" / "first.py").unlink()
    found = pages()
    assert found["first"] == ("UNAVAILABLE", "needs audited.first: not installed")
    assert found["second"] == ("LOADED", None)


def test_missing_dependency_of_a_plugin_is_named(layer: Path, pages: Pages) -> None:
    (layer / "audited_needs.py").unlink()
    found = pages()
    assert found["first"] == found["second"] == ("UNAVAILABLE", "needs audited_needs: not installed")
    assert found["ocr"] == ("LOADED", None)


def test_plugin_missing_from_the_index_is_listed_as_unavailable(layer: Path, world: World, pages: Pages) -> None:
    distribution(layer, "added-later", "3.0", [], plugins="later = added_later:Later\n")
    assert pages()["later"] == ("UNAVAILABLE", f"is in the layer but not in its index: {REBUILD}")
    body = world.request("GET", "/v1/plugins").body
    assert (body["unavailable"], body["total"]) == (1, len(body["plugins"]))
    assert world.request("GET", "/v1/plugins/later").body["tools"] == []


def test_executing_a_plugin_missing_from_the_index_is_refused_with_the_reason(layer: Path, world: World) -> None:
    distribution(layer, "added-later", "3.0", [], plugins="later = added_later:Later\n")
    answer = world.execute(plugin="later")
    assert (answer.status, answer.error["code"]) == (400, "plugin_unavailable")
    assert answer.error["details"] == {"reason": f"is in the layer but not in its index: {REBUILD}"}
    assert world.execute(plugin="later_still").error["code"] == "unknown_plugin"


@pytest.mark.parametrize(
    ("version", "plugins", "now"),
    [
        ("2.0", "", "audited 2.0"),
        ("1.0", "first = audited.first:Another\nsecond = audited.second:Second\n", "audited 1.0"),
    ],
    ids=["version", "entry point"],
)
def test_a_changed_plugin_keeps_running_and_is_reported(
    layer: Path, pages: Pages, version: str, plugins: str, now: str
) -> None:
    shutil.rmtree(layer / "audited-1.0.dist-info")
    plugin_distribution(layer, version, plugins)
    reason = f"the layer has {now}, the index was built of audited 1.0: {REBUILD}"
    assert pages()["first"] == ("LOADED", reason)


@pytest.mark.parametrize("damaged", ["entry_points.txt", "METADATA"])
def test_damaged_metadata_is_reported_and_crashes_nothing(layer: Path, pages: Pages, damaged: str) -> None:
    (layer / "audited-1.0.dist-info" / damaged).write_bytes(b"[interlock.plugins]\n\xff\xfe")
    found = pages()
    assert {state for state, _ in found.values()} == {"LOADED"}
    assert {reason for _, reason in found.values()} == {"the layer could not be audited: UnicodeDecodeError"}


def test_a_record_that_cannot_be_read_is_reported_and_crashes_nothing(layer: Path, pages: Pages) -> None:
    (layer / "index" / "installed.json").write_text("{")
    assert set(pages().values()) == {("LOADED", "the layer could not be audited: JSONDecodeError")}


def test_executing_audits_nothing_and_the_pages_audit_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    audits: list[PluginIndex] = []
    audit = PluginIndex.audit

    def counted(index: PluginIndex) -> Mapping[str, Finding]:
        audits.append(index)
        return audit(index)

    monkeypatch.setattr(PluginIndex, "audit", counted)
    assert world.execute(plugin="first").status == 200
    assert world.execute(plugin="first", input={}).error["code"] == "invalid_input"
    assert audits == []
    world.request("GET", "/v1/plugins")
    world.request("GET", "/v1/plugins/first/health")
    assert len(audits) == 1
