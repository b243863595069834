"""The environment that the lock files describe."""

import csv
import os.path
from collections import defaultdict
from importlib.metadata import distributions


def test_no_two_packages_install_the_same_file() -> None:
    # Otherwise the order of installation, which is not fixed, would decide which file is kept.
    owners = defaultdict(set)
    for package in distributions():
        name, folder = package.metadata["Name"], str(package.locate_file(""))
        for file, *_ in csv.reader((package.read_text("RECORD") or "").splitlines()):
            if not file.endswith(".pyc"):
                owners[os.path.normpath(f"{folder}/{file}")].add(name)

    assert len(owners) > 1000
    assert {path: names for path, names in owners.items() if len(names) > 1} == {}
