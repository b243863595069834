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
        ({"killed": 85, "survived": 15, "timeout": 0, "total": 100}, 0, "85.0 % killed"),
        ({"killed": 849, "survived": 151, "timeout": 0, "total": 1000}, 1, "84.9 % killed"),
        ({"killed": 80, "survived": 10, "timeout": 10, "total": 100}, 0, "90.0 % killed"),
        # Mutants without a test, or not tried, count as alive.
        ({"killed": 80, "survived": 0, "timeout": 0, "no_tests": 20, "total": 100}, 1, "80.0 % killed"),
        ({"killed": 0, "survived": 0, "timeout": 0, "total": 0}, 1, "0.0 % killed"),
    ],
)
def test_a_score_below_the_minimum_fails(tmp_path: Path, stats: dict[str, int], code: int, told: str) -> None:
    file = tmp_path / "stats.json"
    file.write_text(json.dumps(stats))
    done = subprocess.run([sys.executable, str(SCRIPT), str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert told in done.stdout
