"""`python -m interlock_dev.build.trim_botocore DATA SERVICE...` removes the parts of botocore's data that no function
needs: other services, their endpoints, examples, and all documentation. Creating a client then reads a tenth of it."""

import gzip
import json
import shutil
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

MODEL = "service-2.json"


def main(data: Path, services: Collection[str]) -> None:
    """Trim the folder `botocore/data` of a layer."""
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in services:
            shutil.rmtree(folder)
    for examples in data.rglob("examples-1.json"):
        examples.unlink()
    # Older versions of a service's API may have no model.
    models = [_trim_model(file) for file in data.rglob(f"{MODEL}.gz")]
    _trim_endpoints(data / "endpoints.json", {model["metadata"]["endpointPrefix"] for model in models})


def _trim_model(file: Path) -> Any:
    """Replace a compressed model by an uncompressed one without documentation, and return it."""
    model = _without_documentation(json.loads(gzip.decompress(file.read_bytes())))
    file.with_suffix("").write_text(_compact(model))
    file.unlink()
    return model


def _without_documentation(node: Any) -> Any:
    """Return a model without the texts under `documentation`. A shape with this name is an object, and is kept.

    The texts of `clientContextParams`, which S3 has, are kept as well: botocore cannot create a client without them.
    """
    if isinstance(node, dict):
        texts = {name for name, value in node.items() if name == "documentation" and isinstance(value, str)}
        return {
            name: value if name == "clientContextParams" else _without_documentation(value)
            for name, value in node.items()
            if name not in texts
        }
    return [_without_documentation(one) for one in node] if isinstance(node, list) else node


def _trim_endpoints(file: Path, prefixes: Collection[str]) -> None:
    document = json.loads(file.read_text())
    for partition in document["partitions"]:
        partition["services"] = {name: one for name, one in partition["services"].items() if name in prefixes}
    file.write_text(_compact(document))


def _compact(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
