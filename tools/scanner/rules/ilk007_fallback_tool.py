"""ILK007: nothing stands in for a tool that the caller did not name."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from tools.scanner.engine.tree import SyntaxTree, defaults, last, target_name
from tools.scanner.engine.violation import Rule, Violation, samples

NAMES = frozenset({"tool", "tool_name"})

_DEFAULT = re.compile(r"(default|fallback)_?tool", re.IGNORECASE)


class FallbackTool(Rule):
    """No tool's name is written down as the one to take when none is given."""

    code = "ILK007"
    title = "No fallback tool name"
    rationale = (
        "A request without a tool means the first of the plugin's manifest. A name in the code that stands in for a"
        " missing one runs something that nobody asked for, in a plugin that may not even have it. None as a default"
        " is fine; so is what a manifest says."
    )

    def check(self, tree: SyntaxTree, path: PurePosixPath) -> Iterator[Violation]:
        if "tool" in tree.text:
            for node in self._fallbacks(tree):
                yield self.violation(tree, path, node, "a fixed name stands in for a missing tool")

    def _fallbacks(self, tree: SyntaxTree) -> Iterator[ast.expr]:
        yield from self._in_expressions(tree)
        yield from self._in_calls(tree)
        yield from self._in_declarations(tree)
        yield from self._in_mappings(tree)
        yield from self._under_conditions(tree)

    def _in_expressions(self, tree: SyntaxTree) -> Iterator[ast.expr]:
        for choice in tree.nodes(ast.BoolOp):
            if isinstance(choice.op, ast.Or) and any(map(_is_tool, choice.values[:-1])):
                yield from (value for value in choice.values if _is_fixed(tree, value))
        for choice_if in tree.nodes(ast.IfExp):
            branches = (choice_if.body, choice_if.orelse)
            if any(map(_is_tool, branches)):
                yield from (value for value in branches if _is_fixed(tree, value))

    def _in_calls(self, tree: SyntaxTree) -> Iterator[ast.expr]:
        for call in tree.nodes(ast.Call):
            match call:
                case (
                    ast.Call(func=ast.Attribute(attr="get" | "pop" | "setdefault"), args=[key, value])
                    | ast.Call(func=ast.Name(id="getattr"), args=[_, key, value])
                ) if tree.text_of(key) in NAMES and _is_fixed(tree, value):
                    yield value
                case ast.Call(func=ast.Attribute(attr="add_argument"), args=flags, keywords=keywords):
                    if any((tree.text_of(flag) or "").lstrip("-").replace("-", "_") in NAMES for flag in flags):
                        yield from (k.value for k in keywords if k.arg == "default" and _is_fixed(tree, k.value))

    def _in_declarations(self, tree: SyntaxTree) -> Iterator[ast.expr]:
        for function in tree.nodes(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda):
            for parameter, default in defaults(function):
                if parameter.arg in NAMES and _is_fixed(tree, default):
                    yield default
        for field in tree.nodes(ast.AnnAssign, ast.Assign):
            target = field.target if isinstance(field, ast.AnnAssign) else field.targets[0]
            if isinstance(tree.parent(field), ast.ClassDef) and target_name(target) in NAMES and field.value:
                yield from _field_default(tree, field.value)

    def _in_mappings(self, tree: SyntaxTree) -> Iterator[ast.expr]:
        """`{"tool": "analyze", **body}` and `{"tool": "analyze"} | body`."""
        for mapping in tree.nodes(ast.Dict):
            above = tree.parent(mapping)
            merged = isinstance(above, ast.BinOp) and isinstance(above.op, ast.BitOr) and above.left is mapping
            for position, (key, value) in enumerate(zip(mapping.keys, mapping.values, strict=True)):
                if key and tree.text_of(key) in NAMES and (merged or None in mapping.keys[position:]):
                    yield from (fixed for fixed in [value] if _is_fixed(tree, fixed))

    def _under_conditions(self, tree: SyntaxTree) -> Iterator[ast.expr]:
        """`if not tool: tool = "analyze"`, and the same where the tool was looked for and not found."""
        for condition in tree.nodes(ast.If):
            if any(map(_is_tool, ast.walk(condition.test))):
                yield from _fixed_tools(tree, (*condition.body, *condition.orelse))
        for handler in tree.nodes(ast.ExceptHandler):
            yield from _fixed_tools(tree, handler.body)
        for case in tree.nodes(ast.match_case):
            subject = getattr(tree.parent(case), "subject", None)
            if subject and _is_tool(subject):
                yield from _fixed_tools(tree, case.body)

    failing = samples(
        """
        tool = tool or "analyze"
        ---
        tool = request.tool or "analyze"
        ---
        tool = call.tool.name or "analyze"
        ---
        tool = body.get("tool") or "analyze"
        ---
        tool = body["tool"] or "analyze"
        ---
        tool = body.get("tool", "analyze")
        ---
        tool = body.pop("tool_name", "analyze")
        ---
        body.setdefault("tool", "analyze")
        ---
        tool = getattr(request, "tool", "analyze")
        ---
        tool = tool if tool else "analyze"
        ---
        tool = "analyze" if request.tool is None else request.tool
        ---
        if not tool:
            tool = "analyze"
        ---
        if request.tool is None:
            request.tool = "analyze"
        ---
        try:
            tool = body["tool"]
        except KeyError:
            tool = "analyze"
        ---
        match tool:
            case None:
                tool = "analyze"
        ---
        body = {"tool": "analyze", **body}
        ---
        body = {"tool": "analyze"} | body
        ---
        def execute(plugin, tool="analyze"): ...
        ---
        def execute(plugin, *, tool_name: str = "analyze"): ...
        ---
        USUAL = "analyze"
        def execute(plugin, tool=USUAL): ...
        ---
        tool = tool or settings.default_tool
        ---
        from settings import DEFAULT_TOOL
        tool = tool or DEFAULT_TOOL
        ---
        class Request(BaseModel):
            tool: str = "analyze"
        ---
        class Request(BaseModel):
            tool: str = Field(default="analyze", min_length=1)
        ---
        class Request(BaseModel):
            tool: str | None = Field("analyze")
        ---
        @dataclass
        class Request:
            tool: str = field(default_factory=lambda: "analyze")
        ---
        parser.add_argument("--tool", default="analyze")
        """
    )
    passing = samples(
        """
        def execute(plugin, tool=None): ...
        ---
        class Request(BaseModel):
            tool: str | None = None
        ---
        class Request(BaseModel):
            tool: str | None = Field(default=None, description="left out: the first of the manifest")
        ---
        tool = body.get("tool")
        ---
        tool = tool or manifest.tools[0].name
        ---
        title = title or "Untitled"
        ---
        tool = "analyze"
        ---
        run(plugin="ocr", tool="analyze")
        ---
        body = {**body, "plugin": "ocr", "tool": "analyze"}
        ---
        parser.add_argument("--tool", help="left out: the first of the manifest")
        """
    )


def _is_tool(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute) and node.attr == "name":
        return _is_tool(node.value)
    name = target_name(node)
    return name in NAMES or name.endswith(("_tool", "_tool_name"))


def _is_fixed(tree: SyntaxTree, node: ast.expr) -> bool:
    """Text that is written down, or a name that says it is a default."""
    return tree.text_of(node) is not None or bool(_DEFAULT.search(last(tree.dotted(node))))


def _fixed_tools(tree: SyntaxTree, statements: Iterable[ast.stmt]) -> Iterator[ast.expr]:
    """The fixed names that these statements assign to a tool."""
    for statement in statements:
        match statement:
            case ast.Assign(targets=targets, value=value) if any(map(_is_tool, targets)) and _is_fixed(tree, value):
                yield value


def _field_default(tree: SyntaxTree, value: ast.expr) -> Iterator[ast.expr]:
    if not isinstance(value, ast.Call):
        candidates = [value]
    else:
        candidates = [*value.args[:1], *(k.value for k in value.keywords if k.arg in ("default", "default_factory"))]
    for candidate in candidates:
        inner = candidate.body if isinstance(candidate, ast.Lambda) else candidate
        if _is_fixed(tree, inner):
            yield inner
