"""ILK006: no answer shows our inside."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.scanner.engine.log_lines import is_logging
from tools.scanner.engine.tree import FUNCTIONS, SyntaxTree, arguments, target_name
from tools.scanner.engine.violation import Rule, Violation, samples


class LeakedException(Rule):
    """Tracebacks and reprs of exceptions go to the log and nowhere else."""

    code = "ILK006"
    title = "No traceback and no repr of an exception leaves the service"
    rationale = (
        "A traceback shows paths and values of ours to a caller, a repr shows internals; an envelope carries a code"
        " and a sentence. `traceback.format_*`, `sys.exc_info()`, `__traceback__`, and `repr(error)`, `ascii(error)`"
        " or `{error!r}` of a caught error may be given to a logger or written to standard error, directly or"
        " through a name that only a logger reads."
    )
    words = re.compile(r"traceback|exc_info|formatException")
    formatters = re.compile(
        r"^(traceback\.(format_\w+|TracebackException|StackSummary|extract_tb|walk_tb)(\.\w+)*|sys\.exc_info"
        r"|(.*\.)?formatException)$"
    )

    def check(self, tree: SyntaxTree, path: PurePosixPath) -> Iterator[Violation]:
        for what, found in (("a traceback", self._tracebacks), ("the repr of an exception", self._reprs)):
            for node in found(tree):
                if not self._is_logged(tree, node):
                    yield self.violation(tree, path, node, f"{what} goes elsewhere than to a log")

    def _tracebacks(self, tree: SyntaxTree) -> Iterator[ast.expr]:
        if not self.words.search(tree.text):
            return
        for call in tree.nodes(ast.Call):
            if self.formatters.match(tree.dotted(call.func)):
                yield call
        for attribute in tree.nodes(ast.Attribute):
            if attribute.attr == "__traceback__" and isinstance(attribute.ctx, ast.Load):
                yield attribute

    def _reprs(self, tree: SyntaxTree) -> Iterator[ast.expr]:
        for call in tree.nodes(ast.Call):
            if self._shows_repr(tree, call):
                yield call
        for part in tree.nodes(ast.FormattedValue):
            if part.conversion in (ord("r"), ord("a")) and self._is_exception(tree, part.value):
                yield part
        for operation in tree.nodes(ast.BinOp):
            match operation:
                case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=right) if "%r" in text and any(
                    self._is_exception(tree, part) for part in getattr(right, "elts", [right])
                ):
                    yield operation

    def _shows_repr(self, tree: SyntaxTree, call: ast.Call) -> bool:
        match call:
            case ast.Call(func=ast.Name(id="repr" | "ascii"), args=[value]):
                return self._is_exception(tree, value)
            case ast.Call(func=ast.Attribute(value=value, attr="__repr__")):
                return self._is_exception(tree, value)
            case ast.Call(func=ast.Attribute(value=text, attr="format"), args=given):
                return "!r" in (tree.text_of(text) or "") and any(self._is_exception(tree, part) for part in given)
            case ast.Call(func=ast.Name(id="map"), args=[ast.Name(id="repr"), *rest]):
                return any(self._is_exception(tree, part) for value in rest for part in ast.walk(value))
            case _:
                return False

    def _is_exception(self, tree: SyntaxTree, node: ast.AST) -> bool:
        """A name bound by an `except … as` around it, or a parameter typed as an exception."""
        if not isinstance(node, ast.Name):
            causes = isinstance(node, ast.Attribute) and node.attr in ("__cause__", "__context__")
            return causes or tree.dotted(node) == "sys.exception()"
        for around in tree.ancestors(node):
            if isinstance(around, ast.ExceptHandler) and around.name == node.id:
                return True
            if isinstance(around, FUNCTIONS):
                types = [a.annotation for a in arguments(around) if a.arg == node.id and a.annotation]
                return any(target_name(t).endswith(("Exception", "Error")) for kind in types for t in ast.walk(kind))
        return False

    def _is_logged(self, tree: SyntaxTree, node: ast.AST) -> bool:
        for around in tree.ancestors(node):
            if isinstance(around, ast.Call) and is_logging(tree, around):
                return True
            if isinstance(around, ast.Assign | ast.NamedExpr | ast.AnnAssign):
                names = [target_name(t) for t in getattr(around, "targets", None) or [getattr(around, "target", None)]]
                return self._only_logged(tree, node, names)
            if isinstance(around, ast.stmt):
                return isinstance(around, ast.If | ast.While | ast.Assert)
        return False

    def _only_logged(self, tree: SyntaxTree, node: ast.AST, names: list[str]) -> bool:
        scope = tree.scope(node)
        reads = [
            name
            for name in tree.nodes(ast.Name)
            if name.id in names and isinstance(name.ctx, ast.Load) and tree.scope(name) is scope
        ]
        logged = (
            any(isinstance(around, ast.Call) and is_logging(tree, around) for around in tree.ancestors(read))
            for read in reads
        )
        return all(names) and bool(reads) and all(logged)

    failing = samples(
        """
        return {"message": traceback.format_exc()}
        ---
        from traceback import format_exc as f
        return f()
        ---
        import traceback as tb
        text = tb.format_exception(error)  # bad
        respond(text)
        ---
        respond(sys.exc_info())
        ---
        try:
            work()
        except ValueError as error:
            return repr(error)  # bad
        ---
        try:
            work()
        except ValueError as error:
            raise NotFound(f"no: {error!r}")  # bad
        ---
        try:
            work()
        except ValueError as error:
            outcome = failed("no: %r" % error)  # bad
        ---
        try:
            work()
        except ValueError as error:
            outcome = failed("no: {!r}".format(error))  # bad
        ---
        def failed(error: Exception) -> Outcome:
            return Outcome(message=repr(error))
        ---
        respond(error.__traceback__)
        ---
        respond(repr(error.__cause__))
        ---
        respond(repr(sys.exception()))
        ---
        try:
            work()
        except ValueError as error:
            respond(error.__repr__())  # bad
        ---
        try:
            work()
        except ValueError as error:
            respond(*map(repr, [error]))  # bad
        """
    )
    passing = samples(
        """
        logger.error(traceback.format_exc())
        ---
        text = traceback.format_exc()
        logger.error("failed: %s", text)
        ---
        try:
            work()
        except ValueError as error:
            logger.warning("no: %r", error, exc_info=True)
            raise NotFound(str(error)) from error
        ---
        try:
            work()
        except ValueError as error:
            logger.warning(f"no: {error!r}")
        ---
        print(traceback.format_exc(), file=sys.stderr)
        ---
        sys.excepthook(*sys.exc_info())
        ---
        traceback.print_exc()
        ---
        message = f"plugin {name!r} has no tool {tool!r}"
        ---
        error.__traceback__ = None
        ---
        if error.__traceback__ is None:
            raise error
        """
    )
