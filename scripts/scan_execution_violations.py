#!/usr/bin/env python3
"""Find code that bypasses governed execution: `python scripts/scan_execution_violations.py [PATH...]`.

Needs only Python 3.11 or later, and imports none of the code that it scans. The scanner is in `tools/scanner`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.scanner.cli import main

if __name__ == "__main__":
    sys.exit(main())
