"""Write the sources of the documentation site into `build/docs`: `python -m tools.docs_site`.

The pages stay where GitHub shows them. Here they are copied into one folder, with links that work in the site, beside
the pages that are generated: the HTTP reference from the OpenAPI document, and the Python reference from docstrings.
"""

import json
import shutil
import sys

from tools.docs_site.http_reference import reference
from tools.docs_site.pages import ROOT, copy_pages
from tools.docs_site.python_reference import PYTHON_REFERENCE

TARGET = ROOT / "build/docs"
OPENAPI = ROOT / "layers/runtime/interlock/http/openapi.json"


def main() -> int:
    shutil.rmtree(TARGET, ignore_errors=True)
    copy_pages(TARGET)
    (TARGET / "http.md").write_text(reference(json.loads(OPENAPI.read_text())))
    for name, text in PYTHON_REFERENCE.items():
        (TARGET / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
