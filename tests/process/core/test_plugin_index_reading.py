"""Reading manifests from the index, and the command that builds it."""

import json
from pathlib import Path

import pytest

from interlock.domain.errors import UnknownPlugin
from interlock.plugins.building import build_index, main
from interlock.plugins.index import PluginIndex, open_index
from tests.fakes.plugins import a_broken_plugin, a_plugin, an_index
from tests.process.core.plugin_files import HEAD, plugin_class

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
