"""Read a value as the execute function does and, if wanted, validate it.

`python refusal.py read|refuse SCHEMA EXPRESSION` prints the seconds of that step, and the process's peak memory.
"""

import json
import resource
import sys
import time

from interlock.plugins.validation import SchemaValidator


def main(what: str, schema: str, expression: str) -> None:
    """Print the figures."""
    validator = SchemaValidator()
    validator.problems("bench", json.loads(schema), None)
    text = json.dumps(eval(expression))  # noqa: S307 - ours
    began = time.perf_counter()
    value = json.loads(text)
    if what == "refuse":
        began = time.perf_counter()
        if not validator.problems("bench", json.loads(schema), value):
            raise RuntimeError("the value fits")
    seconds = time.perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": [seconds], "peak_mb": [peak_mb]}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main(*sys.argv[1:])
