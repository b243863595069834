"""The settings of plugins in the local stack."""

from pathlib import Path

import pytest

from interlock.domain.manifest import SettingManifest
from interlock_dev.project.errors import UsageError
from interlock_dev.stack.settings import as_variable, missing_settings, read_settings
from tests.fakes.plugins import a_plugin, an_index


def written(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text)
    return file


def test_command_line_comes_before_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "[weather]\napi_key = 'of the file'\nretries = 3\n[news]\nurl = 'u'\n")
    given = [("weather.api_key", "given"), ("maps.key", "k")]
    assert read_settings(tmp_path, file, given) == {
        "weather": {"api_key": "given", "retries": 3},
        "news": {"url": "u"},
        "maps": {"key": "k"},
    }


def test_file_of_the_project_is_read_without_being_named(tmp_path: Path) -> None:
    assert read_settings(tmp_path, None, []) == {}
    (tmp_path / ".interlock").mkdir()
    written(tmp_path / ".interlock", "[weather]\nretries = 1\n")
    assert read_settings(tmp_path, None, []) == {"weather": {"retries": 1}}


@pytest.mark.parametrize(("text", "problem"), [("[x", "is not valid TOML"), ("x = 1", "is not a table")])
def test_file_that_is_not_valid_is_reported(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        read_settings(tmp_path, written(tmp_path, text), [])


def test_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_settings(tmp_path, tmp_path / "gone.toml", [])


@pytest.mark.parametrize("name", ["weather", ".key", "weather."])
def test_setting_without_plugin_or_name_is_reported(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"PLUGIN\.NAME=VALUE"):
        read_settings(tmp_path, None, [(name, "x")])


def test_value_that_json_lacks_is_reported(tmp_path: Path) -> None:
    settings = read_settings(tmp_path, written(tmp_path, "[x]\nday = 2026-11-29\n"), [])
    with pytest.raises(UsageError, match="write it as text"):
        as_variable(settings)


def test_missing_settings_are_named_with_the_option(tmp_path: Path) -> None:
    def declared(name: str, *, required: bool) -> SettingManifest:
        return SettingManifest(name, "string", "", required=required, secret=False)

    settings = (declared("key", required=True), declared("url", required=True), declared("more", required=False))
    index = an_index(tmp_path / "index", a_plugin("weather", settings=settings))
    assert missing_settings(index, {"weather": {"url": "u"}}) == [
        "plugin weather needs the setting 'key': start with --setting weather.key=VALUE"
    ]
