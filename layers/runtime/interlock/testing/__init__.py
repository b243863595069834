"""Run tools in tests, without a stack: in this process, or in the real sandbox with its limits.

```python
from interlock.testing import ToolFailed, run_tool

run = run_tool(WordCount, "count", {"text": "one two three"})
assert run.result == {"words": 3}
```

It is not imported by any function.
"""

from interlock.testing.running import ToolFailed, ToolRun, run_tool

__all__ = ["ToolFailed", "ToolRun", "run_tool"]
