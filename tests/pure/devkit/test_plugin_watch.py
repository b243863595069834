"""The watch over added plugins: what is a change of one, and what is not."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from interlock_dev.stack import plugins
from interlock_dev.stack.plugins import Watch

LATER_NS = 10_000_000_000
type Sees = Callable[[Path], bool]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    for name in ("__init__.py", "words.txt", "data/model.bin", "__pycache__/x.pyc", ".git/index", ".hidden"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    return folder


@pytest.fixture
def sees(package: Path) -> Sees:
    """Whether a look at the package shows that this file has changed."""
    watch = Watch([package])
    before = watch._stamps()

    def sees(file: Path) -> bool:
        touch(file)
        return watch._stamps() != before

    return sees


def touch(file: Path) -> None:
    file.touch()
    os.utime(file, ns=(file.stat().st_mtime_ns + LATER_NS,) * 2)


@pytest.mark.parametrize("name", ["__init__.py", "words.txt", "data/model.bin", "data/new.json"])
def test_a_package_changes_with_each_of_its_files(package: Path, sees: Sees, name: str) -> None:
    assert sees(package / name)


@pytest.mark.parametrize("name", ["__pycache__/x.pyc", ".git/index", ".hidden"])
def test_files_of_python_and_editors_do_not_count_as_changes(package: Path, sees: Sees, name: str) -> None:
    assert not sees(package / name)


def test_a_folder_of_very_many_files_is_not_watched_whole(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []
    for n in range(20):
        (package / f"z{n}").write_text("")
    monkeypatch.setattr(plugins, "_WATCHED_FILES", 5)
    stat = Path.stat

    def counted(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.name.startswith("z"):
            looked.append(path)
        return stat(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", counted)
    Watch([package])
    assert 0 < len(looked) < 5
