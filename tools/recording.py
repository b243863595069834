"""Record `interlock demo` as a picture: `python -m tools.recording`.

It runs the demo on a local stack, and writes what it printed to docs/demo.svg.
"""

import re
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME

from interlock_dev.commands import demo

TARGET = Path(__file__).resolve().parents[1] / "docs/demo.svg"
COLUMNS = 92

_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Fonts from a server, which pages on GitHub do not load. The text falls back to the viewer's own font."""


def main() -> int:
    # The console is not a terminal, so that the progress bar is recorded only once, in its final state.
    demo.console = Console(record=True, width=COLUMNS, file=StringIO(), highlight=False, soft_wrap=True)
    demo.console.print("[bold]$ make demo[/bold]")
    status = demo.run()
    if status == 0:
        svg = demo.console.export_svg(title="make demo", theme=SVG_EXPORT_THEME, unique_id="demo")
        TARGET.write_text(_FONTS.sub("", svg).replace("Fira Code", "ui-monospace"))
    return status


if __name__ == "__main__":
    sys.exit(main())
