"""Vendor the console's libraries from the npm registry, as `sources.json` beside them describes.

The registry's archive must have the integrity that is recorded. The only change to a file is that its import of another
library becomes relative, because browsers resolve no bare names.
"""

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "layers/runtime/interlock/http/static/vendor"
SOURCES = FOLDER / "sources.json"


def main() -> int:
    sources: dict[str, dict[str, Any]] = json.loads(SOURCES.read_text())
    for name, source in sources.items():
        archive = packed(f"{name}@{source['version']}")
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
        if source.setdefault("integrity", integrity) != integrity:
            sys.stderr.write(f"{name}: the archive's integrity is {integrity}, not {source['integrity']}\n")
            return 1
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            for target, file in source["files"].items():
                content = adapted(read(files, f"package/{file['from']}"))
                (FOLDER / target).write_bytes(content)
                file["sha256"] = hashlib.sha256(content).hexdigest()
    SOURCES.write_text(json.dumps(sources, indent=2) + "\n")
    return 0


def packed(package: str) -> bytes:
    """Return the archive of a package."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        [archive] = Path(folder).iterdir()
        return archive.read_bytes()


def read(files: tarfile.TarFile, name: str) -> bytes:
    file = files.extractfile(name)
    if file is None:
        raise FileNotFoundError(name)
    return file.read()


def adapted(content: bytes) -> bytes:
    """Return a module with relative imports, and without the address of a source map that is not vendored."""
    content = re.sub(rb'from"(\w+)"', rb'from"./\1.js"', content)
    return re.sub(rb"\n//# sourceMappingURL=.*\n?", b"\n", content)


if __name__ == "__main__":
    sys.exit(main())
