"""Reading manifests from the plugin index."""

from pathlib import Path

import pytest

from interlock.domain.errors import UnknownPlugin
from tests.fakes.plugins import a_plugin, an_index


def test_lookup_does_not_read_the_list_of_plugins(tmp_path: Path) -> None:
    index = an_index(tmp_path / "index", a_plugin("ocr"), a_plugin("motion"))
    (tmp_path / "index" / "index.json").unlink()
    assert index.manifest("ocr").name == "ocr"


def test_plugin_listed_under_a_file_name_is_found(tmp_path: Path) -> None:
    assert an_index(tmp_path / "index", a_plugin("My-File.v2")).manifest("My-File.v2").name == "My-File.v2"


@pytest.mark.parametrize("name", ["", "..", "../index", "plugins/ocr", "ocr.json", "OCR", "o" * 65, "nul\0", "motion"])
def test_unlisted_and_malformed_names_are_unknown(tmp_path: Path, name: str) -> None:
    index = an_index(tmp_path / "index", a_plugin("ocr"))
    with pytest.raises(UnknownPlugin, match=r"There are: ocr\."):
        index.manifest(name)


def test_file_of_another_plugin_is_not_its_manifest(tmp_path: Path) -> None:
    index = an_index(tmp_path / "index", a_plugin("ocr"))
    (tmp_path / "index" / "plugins" / "ocr.json").rename(tmp_path / "index" / "plugins" / "other.json")
    with pytest.raises(UnknownPlugin):
        index.manifest("other")
