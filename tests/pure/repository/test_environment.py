"""The environment that the lock describes."""

from collections import defaultdict
from importlib.metadata import distributions


def test_no_two_packages_install_the_same_file() -> None:
    # Which of them wins would depend on the order of installation, which is not fixed.
    owners = defaultdict(set)
    for package in distributions():
        for file in package.files or ():
            if file.suffix != ".pyc":
                owners[str(file.locate())].add(package.metadata["Name"])

    assert len(owners) > 1000
    assert {path: names for path, names in owners.items() if len(names) > 1} == {}
