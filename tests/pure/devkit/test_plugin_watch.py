"""Detection of changes in added plugins."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from interlock_dev.stack import plugins
from interlock_dev.stack.plugins import Watch

LATER_NS = 10_000_000_000
type Detects = Callable[[Path], bool]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    for name in ("__init__.py", "words.txt", "data/model.bin", "__pycache__/x.pyc", ".git/index", ".hidden"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    return folder


@pytest.fixture
def detects(package: Path) -> Detects:
    """Return a function that changes a file and returns whether the change is detected."""
    watch = Watch([package])
    before = watch._stamps()

    def detects(file: Path) -> bool:
        touch(file)
        return watch._stamps() != before

    return detects


def touch(file: Path) -> None:
    file.touch()
    os.utime(file, ns=(file.stat().st_mtime_ns + LATER_NS,) * 2)


@pytest.mark.parametrize("name", ["__init__.py", "words.txt", "data/model.bin", "data/new.json"])
def test_change_of_any_file_of_a_package_is_detected(package: Path, detects: Detects, name: str) -> None:
    assert detects(package / name)


@pytest.mark.parametrize("name", ["__pycache__/x.pyc", ".git/index", ".hidden"])
def test_cache_and_hidden_files_are_ignored(package: Path, detects: Detects, name: str) -> None:
    assert not detects(package / name)


def test_number_of_watched_files_is_bounded(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[Path] = []
    for n in range(20):
        (package / f"z{n}").write_text("")
    monkeypatch.setattr(plugins, "_WATCHED_FILES", 5)
    stat = Path.stat

    def counted(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.name.startswith("z"):
            checked.append(path)
        return stat(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", counted)
    Watch([package])
    assert 0 < len(checked) < 5


def test_check_reports_the_files_that_changed_once(package: Path) -> None:
    reported: list[list[Path]] = []
    watch = Watch([package])
    watch._changed = lambda files: reported.append([*files])
    watch.check()
    touch(package / "words.txt")
    (package / "new.py").write_text("")
    (package / "data/model.bin").unlink()
    watch.check()
    watch.check()
    assert reported == [[package / "data/model.bin", package / "new.py", package / "words.txt"]]
