"""`python -m interlock_dev.build.layer_size BUILD` compares the unzipped size of the layers with Lambda's limit."""

import sys
from pathlib import Path

LIMIT_MB = 250
"""AWS Lambda quota for a function with all its layers, unzipped."""

LAYERS = ("RuntimeLayer", "PluginLayer")


def size_mb(folder: Path) -> float:
    """Return the size of all files below a folder in MB (10^6 bytes)."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir()) / 1e6


def main(build: Path) -> int:
    """Print the size of each layer and the sum; return 1 if the sum is zero or over the limit."""
    sizes = {name: size_mb(build / name) for name in LAYERS}
    for name, size in sizes.items():
        print(f"{name:14}{size:8.1f} MB unzipped")  # noqa: T201
    total = sum(sizes.values())
    print(f"{'together':14}{total:8.1f} MB of {LIMIT_MB} MB")  # noqa: T201
    return 0 if 0 < total <= LIMIT_MB else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
