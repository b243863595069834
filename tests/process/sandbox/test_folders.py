"""The directory of a run is removed whatever the code does to it, and nothing else is removed."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from interlock.sandbox.supervisor.folders import RunFolders, WorkerFolder
from interlock.sandbox.wire.removal import remove_tree
from tests.process.sandbox.harness import LOSES_ZYGOTE, Harness, open_descriptors


@pytest.fixture
def folders() -> RunFolders:
    return RunFolders()


@pytest.fixture
def folder(folders: RunFolders) -> WorkerFolder:
    return folders.create()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("kept")
    return tmp_path / "kept"


def deep(folder: Path) -> None:
    """Create a path that exceeds the length limit and the number of available descriptors."""
    at = os.open(folder, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("down" * 10, dir_fd=at)
        below = os.open("down" * 10, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)


def wide(folder: Path) -> None:
    for n in range(30):
        (folder / str(n)).mkdir()
        for m in range(30):
            (folder / str(n) / str(m)).touch()


def closed(folder: Path) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "file").write_text("x")
    (folder / "a" / "b" / "file").chmod(0)
    (folder / "a" / "b").chmod(0)
    (folder / "a").chmod(0o500)
    folder.chmod(0)


def special(folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    (folder / "loop").symlink_to("loop")
    (folder / "nowhere").symlink_to("/nowhere/at/all")
    (folder / "up").symlink_to("..")
    (folder / os.fsdecode(b"\xff\n name")).touch()


def hidden(folder: Path) -> None:
    (folder / "-rf").mkdir()
    (folder / ".hidden").touch()
    (folder / "..." / "x").mkdir(parents=True)


def nothing(folder: Path) -> None:
    """Leave the directory unchanged."""


@pytest.mark.parametrize("fill", [deep, wide, closed, special, hidden, nothing])
def test_folder_is_removed_with_all_in_it(
    folders: RunFolders, folder: WorkerFolder, fill: Callable[[Path], None]
) -> None:
    with folder.create_for_run() as path:
        fill(Path(path))

    assert not Path(path).exists()
    assert [list(run.iterdir()) for run in Path(folder.path).iterdir()] in ([], [[]])
    folder.remove()
    folders.remove()
    assert not Path(folders.root).exists()


def test_links_out_of_the_folder_are_not_followed(folders: RunFolders, folder: WorkerFolder, elsewhere: Path) -> None:
    with folder.create_for_run() as path:
        Path(path, "folder").symlink_to(elsewhere)
        Path(path, "file").symlink_to(elsewhere / "file")
        Path(path, "below").mkdir()
        Path(path, "below", "folder").symlink_to(elsewhere)
        os.link(elsewhere / "file", Path(path, "hard"))
    folders.remove()

    assert (elsewhere / "file").read_text() == "kept"
    assert not Path(path).exists()


def test_link_in_place_of_the_folder_is_not_followed(
    folders: RunFolders, folder: WorkerFolder, elsewhere: Path
) -> None:
    with folder.create_for_run() as path:
        Path(path).rmdir()
        Path(path).symlink_to(elsewhere)
    folders.remove()

    assert (elsewhere / "file").read_text() == "kept"
    assert not Path(folders.root).exists()


def test_link_in_place_of_the_root_of_all_folders_is_not_followed(folders: RunFolders, elsewhere: Path) -> None:
    elsewhere.chmod(0o750)
    Path(folders.root).rmdir()
    Path(folders.root).symlink_to(elsewhere)
    folders.remove()

    assert (elsewhere / "file").read_text() == "kept"
    assert elsewhere.stat().st_mode & 0o777 == 0o750
    Path(folders.root).unlink()


def test_moved_folder_is_found(folders: RunFolders, folder: WorkerFolder, tmp_path: Path) -> None:
    with folder.create_for_run() as path:
        Path(path, "file").write_text("x")
        moved = Path(path).rename(tmp_path / "moved")
        Path(path).mkdir()  # in its place
    folders.remove()

    assert not moved.exists()


def test_moved_empty_folder_is_found(folders: RunFolders, folder: WorkerFolder, tmp_path: Path) -> None:
    with folder.create_for_run() as path:
        moved = Path(path).rename(tmp_path / "moved")
        Path(path).mkdir()
    folders.remove()

    assert not moved.exists()


def test_empty_folder_is_used_again_under_a_new_name(folders: RunFolders, folder: WorkerFolder) -> None:
    with folder.create_for_run() as first:
        number = Path(first).stat().st_ino
    with folder.create_for_run() as second:
        assert not Path(first).exists()
        assert Path(second).stat().st_ino == number
        Path(second, "file").touch()
    with folder.create_for_run() as third:
        assert third not in (first, second)
        assert list(Path(third).iterdir()) == []
    folders.remove()


def test_folder_with_other_modes_is_not_used_again(folders: RunFolders, folder: WorkerFolder) -> None:
    with folder.create_for_run() as path:
        Path(path).chmod(0o777)
    with folder.create_for_run() as path:
        assert Path(path).stat().st_mode & 0o777 == 0o700
    folders.remove()


def test_modes_that_another_run_has_changed_are_restored(folders: RunFolders, folder: WorkerFolder) -> None:
    with folder.create_for_run() as path:
        pass
    places = [Path(folders.root), Path(folder.path), Path(folder.run_path)]
    for place in reversed(places):
        place.chmod(0)
    with folder.create_for_run() as path:
        assert [place.stat().st_mode & 0o777 for place in places] == [0o700] * 3
        assert path == str(places[-1])
    folders.remove()


def test_other_folders_may_be_removed_while_one_is_in_use(folders: RunFolders, folder: WorkerFolder) -> None:
    with folder.create_for_run() as path:
        Path(path, "file").touch()
        folders.remove()

    assert not Path(folders.root).exists()


def test_removing_a_missing_folder_succeeds() -> None:
    remove_tree("/nowhere/at/all")


def test_descriptors_are_all_closed() -> None:
    before = open_descriptors()
    for _ in range(20):
        folders = RunFolders()
        folder = folders.create()
        for n in range(3):
            with folder.create_for_run() as path:
                if n:
                    Path(path, "a", "b").mkdir(parents=True)
        folder.remove()
        folders.remove()

    assert open_descriptors() == before


def test_abandoned_folders_are_removed_by_the_next_process(
    folders: RunFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "interlock-runs-foreign").write_text("is no directory")
    killed = multiprocessing.get_context("spawn").Process(target=abandon, args=(str(tmp_path),))
    killed.start()
    killed.join()
    [abandoned] = [folder for folder in tmp_path.iterdir() if folder.is_dir()]
    assert next(abandoned.glob("*/0/upload-0")).read_text() == "x"

    held = RunFolders()
    assert not abandoned.exists()
    with held.create().create_for_run() as path:
        another = RunFolders()
        assert Path(path).is_dir()
    another.remove()
    held.remove()
    assert [one.name for one in tmp_path.iterdir()] == ["interlock-runs-foreign"]
    folders.remove()


def abandon(where: str) -> None:
    """End with a file in the directory of a run, as when all processes are killed at once."""
    tempfile.tempdir = where
    with RunFolders().create().create_for_run() as path:
        Path(path, "upload-0").write_text("x")
        os._exit(1)


# --- Through a worker ---

LEFT = {
    "files and directories": "import os\nos.makedirs('a/b')\nopen('a/b/c', 'w').write('x')",
    "closed directories": "import os\nos.makedirs('a/b')\nos.chmod('a/b', 0)\nos.chmod('a', 0)\nos.chmod('.', 0)",
    "itself removed": "import os\nos.rmdir(os.getcwd())",
    "itself moved": "import os\nos.rename(os.getcwd(), os.getcwd() + '-moved')\nopen('file', 'w').write('x')",
    "its parent moved": "import os\nos.rename(os.path.dirname(os.getcwd()), os.path.dirname(os.getcwd()) + '-moved')",
    "its parent closed": "import os\nos.chmod('..', 0)",
    "the next one made": "import os\nhere = os.getcwd()\nhead, number = os.path.split(here)\n"
    "for n in range(1, 4): os.makedirs(f'{head}/{int(number) + n}/taken')",
    "a file open": "import os\nopen('file', 'w').write('x')\nos.open('file', os.O_RDONLY)",
    "on exit": "import os\nopen('file', 'w').write('x')\nos._exit(1)",
    "on a zygote's death": "open('file', 'w').write('x')\n" + LOSES_ZYGOTE,
}


@pytest.mark.parametrize("left", LEFT)
def test_no_run_finds_anything_of_the_last(harness: Harness, left: str) -> None:
    harness.run(LEFT[left], on_log=harness.kill_zygote)

    assert harness.result("import os\nresult = os.listdir()") == "[]"


def test_files_are_written_where_the_run_has_its_directory(harness: Harness) -> None:
    source = "import os, tempfile\nwith tempfile.NamedTemporaryFile() as file: result = os.path.dirname(file.name)"

    folder = harness.result(source)

    assert Path(folder).parent == Path(harness.warm("key").folder.path)
    assert not Path(folder).exists()
