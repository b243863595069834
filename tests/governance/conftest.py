"""The scanner's package for the tests: it lies in `scripts/`, beside the script that is run by its file name."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "execution_rules"


def _import_scanner() -> None:
    folder = ROOT / "scripts" / PACKAGE
    spec = importlib.util.spec_from_file_location(PACKAGE, folder / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


_import_scanner()


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT
