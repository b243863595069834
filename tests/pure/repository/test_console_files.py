"""The console's sources: vendored libraries as recorded, and files of a readable size."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.pure.repository.template import ROOT

FOLDER = ROOT / "layers/runtime/interlock/http/static"
VENDOR = FOLDER / "vendor"
SOURCES = json.loads((VENDOR / "sources.json").read_text())
OWN = sorted(path for path in FOLDER.rglob("*.*") if VENDOR not in path.parents)

LONGEST_FILE, LONGEST_LINE = 300, 200


@pytest.mark.parametrize("library", SOURCES)
def test_vendored_files_have_their_checksums(library: str) -> None:
    for name, file in SOURCES[library]["files"].items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == file["sha256"], name


@pytest.mark.parametrize("library", SOURCES)
def test_vendored_libraries_have_version_integrity_and_license(library: str) -> None:
    source = SOURCES[library]
    assert re.fullmatch(r"\d+\.\d+\.\d+", source["version"])
    assert source["integrity"].startswith("sha512-")
    text = (VENDOR / f"{library}.LICENSE").read_text()
    assert {"MIT": "The MIT License", "Apache-2.0": "Apache License"}[source["license"]] in text


def test_every_vendored_file_is_recorded() -> None:
    recorded = {name for source in SOURCES.values() for name in source["files"]}
    assert {path.name for path in VENDOR.iterdir()} == recorded | {"sources.json"}


@pytest.mark.parametrize("path", OWN, ids=lambda path: str(path.relative_to(FOLDER)))
def test_own_files_are_short_and_load_nothing_from_elsewhere(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= LONGEST_FILE
    assert max(map(len, lines)) <= LONGEST_LINE
    # The namespace of SVG is a name, not an address.
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", path.read_text()) == []
