"""The score of the mutation tests, from mutmut's statistics."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "mutation_score.py"


@pytest.mark.parametrize(
    ("stats", "code", "told"),
    [
        ({"killed": 93, "survived": 7, "timeout": 0, "total": 100}, 0, "93.0 % killed"),
        ({"killed": 929, "survived": 71, "timeout": 0, "total": 1000}, 1, "92.9 % killed"),
        ({"killed": 85, "survived": 5, "timeout": 10, "total": 100}, 0, "95.0 % killed"),
        # Mutants without a test, or not tried, count as alive.
        ({"killed": 90, "survived": 0, "timeout": 0, "no_tests": 10, "total": 100}, 1, "90.0 % killed"),
        ({"killed": 0, "survived": 0, "timeout": 0, "total": 0}, 1, "0.0 % killed"),
    ],
)
def test_a_score_below_the_minimum_fails(tmp_path: Path, stats: dict[str, int], code: int, told: str) -> None:
    file = tmp_path / "stats.json"
    file.write_text(json.dumps(stats))
    done = subprocess.run([sys.executable, str(SCRIPT), str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert told in done.stdout
