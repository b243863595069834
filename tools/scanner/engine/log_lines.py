"""What counts as writing a log line."""

import ast
import re

from tools.scanner.engine.tree import SyntaxTree

_LEVEL = r"(debug|info|warning|error|exception|critical|log)"
_WRITES = re.compile(
    rf"((.*[._])?(log|logger|logging)(\(\))?\.{_LEVEL}|sys\.stderr\.write|sys\.excepthook|traceback\.print_\w+)$",
    re.IGNORECASE,
)


def is_logging(tree: SyntaxTree, call: ast.Call) -> bool:
    """Whether a call writes a log line: a level's method of what is named a log, or a write to standard error."""
    function = tree.dotted(call.func)
    if function == "print":
        return any(keyword.arg == "file" and tree.dotted(keyword.value) == "sys.stderr" for keyword in call.keywords)
    return bool(_WRITES.match(function))
