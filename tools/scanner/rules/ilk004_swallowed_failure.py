"""ILK004: a failure is never lost."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from tools.scanner.engine.log_lines import is_logging
from tools.scanner.engine.tree import BUILTIN_EXCEPTIONS, SyntaxTree, last, own_nodes, target_name
from tools.scanner.engine.violation import METRICS, Rule, Violation, samples


class SwallowedFailure(Rule):
    """What catches everything has to say what became of it."""

    code = "ILK004"
    title = "A broad except re-raises or becomes an outcome"
    rationale = (
        "`except:`, `except Exception`, `except BaseException` and `suppress(Exception)` catch what nobody foresaw. On"
        " every way through such a handler stands a `raise`, or what makes the failure known: a call of a name with"
        " one of the words `outcome`, `envelope`, `answer`, `fail`, `failed` and `failure` in it, of `error_response`"
        " or `ErrorInfo`, the caught error itself kept under a name with such a word, its `.info`, or a document with"
        " the key `error` or `outcome`. A log line alone is enough only in `update_execution_metrics`, where a failure"
        " must not hide the tool's. A `return` in a `finally`, and an `__exit__` that returns True, catch everything"
        " too."
    )
    words = frozenset({"outcome", "envelope", "answer", "fail", "failed", "failure"})
    names = frozenset({"error_response", "ErrorInfo"})
    keys = frozenset({"error", "outcome"})

    def check(self, tree: SyntaxTree, path: PurePosixPath) -> Iterator[Violation]:
        for handler in tree.nodes(ast.ExceptHandler):
            if self._is_broad(tree, handler.type) and not self._answers(tree, handler, handler.body):
                caught = ast.unparse(handler.type) if handler.type else "everything"
                yield self.violation(tree, path, handler, f"catches {caught}, and neither raises nor makes an outcome")
        for call in tree.calls("suppress"):
            if any(self._is_broad(tree, argument) for argument in call.args):
                yield self.violation(tree, path, call, "suppresses every exception")
        for statement in (*_finally_returns(tree), *_exits_with_true(tree)):
            yield self.violation(tree, path, statement, "swallows whatever was raised")

    def _is_broad(self, tree: SyntaxTree, caught: ast.expr | None) -> bool:
        if caught is None:
            return True
        types = tree.value(caught)
        if isinstance(types, ast.Tuple | ast.List):
            return any(self._is_broad(tree, part) for part in types.elts)
        if isinstance(types, ast.Starred):
            return self._is_broad(tree, types.value)
        if isinstance(types, ast.BinOp):
            return self._is_broad(tree, types.left) or self._is_broad(tree, types.right)
        return tree.dotted(types).removeprefix("builtins.") in BUILTIN_EXCEPTIONS

    def _answers(self, tree: SyntaxTree, handler: ast.ExceptHandler, body: Iterable[ast.stmt]) -> bool:
        """Whether every way through these statements raises or makes the failure known."""
        return any(self._settles(tree, handler, statement) for statement in body)

    def _settles(  # noqa: PLR0911 - one line for each kind of statement
        self, tree: SyntaxTree, handler: ast.ExceptHandler, statement: ast.stmt
    ) -> bool:
        match statement:
            case ast.Raise():
                return True
            case ast.If(body=body, orelse=orelse):
                return self._answers(tree, handler, body) and self._answers(tree, handler, orelse)
            case ast.With(body=body) | ast.AsyncWith(body=body):
                return self._answers(tree, handler, body)
            case ast.Try(body=body, handlers=handlers, finalbody=final):
                tried = all(self._answers(tree, handler, way) for way in (body, *(inner.body for inner in handlers)))
                return tried or self._answers(tree, handler, final)
            case ast.Match(cases=cases):
                complete = any(isinstance(c.pattern, ast.MatchAs) and c.pattern.pattern is None for c in cases)
                return complete and all(self._answers(tree, handler, case.body) for case in cases)
            case ast.For() | ast.AsyncFor() | ast.While() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return False
            case _:
                return any(self._is_known(tree, handler, node) for node in own_nodes(statement))

    def _is_known(self, tree: SyntaxTree, handler: ast.ExceptHandler, node: ast.AST) -> bool:
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr="info"):
                return name == handler.name
            case ast.Call():
                function = last(tree.dotted(node.func))
                if is_logging(tree, node):
                    return any(around.name == METRICS for around in tree.functions_around(node))
                return function in self.names or self._tells(function)
            case ast.Assign(targets=[target], value=ast.Name(id=name)):
                return name == handler.name and self._tells(target_name(target))
            case ast.Dict(keys=keys):
                return any(tree.text_of(key) in self.keys for key in keys)
            case _:
                return False

    def _tells(self, name: str) -> bool:
        words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
        return not self.words.isdisjoint(word.lower() for word in words)

    failing = samples(
        """
        try:
            work()
        except:  # bad
            pass
        ---
        try:
            work()
        except Exception:  # bad
            logger.exception("failed")
        ---
        try:
            work()
        except BaseException as error:  # bad
            return None
        ---
        try:
            work()
        except (ValueError, Exception):  # bad
            outcome = None
        ---
        ERRORS = (KeyError, Exception)
        try:
            work()
        except ERRORS:  # bad
            ...
        ---
        import builtins
        try:
            work()
        except builtins.Exception:  # bad
            ...
        ---
        try:
            work()
        except Exception:  # bad
            if debugging:
                raise
        ---
        try:
            work()
        except Exception as error:  # bad
            log.info(error)
        ---
        try:
            work()
        except* Exception:  # bad
            pass
        ---
        with contextlib.suppress(Exception):  # bad
            work()
        ---
        from contextlib import suppress as quietly
        with quietly(KeyError, BaseException):  # bad
            work()
        ---
        try:
            work()
        except Exception:  # bad
            def later():
                raise
        ---
        try:
            work()
        except Exception as error:  # bad
            self.failure = None
        ---
        try:
            work()
        except (*KNOWN, Exception):  # bad
            pass
        ---
        try:
            work()
        except (KeyError,) + (Exception,):  # bad
            pass
        ---
        try:
            work()
        except Exception as error:  # bad
            try:
                raise KeyError from error
            except KeyError:
                pass
        ---
        try:
            work()
        except Exception as error:  # bad
            match error:
                case KeyError():
                    raise
        ---
        def call():
            try:
                return work()
            finally:
                return None  # bad
        ---
        class Quiet:
            def __exit__(self, *_):
                return True  # bad
        """
    )
    passing = samples(
        """
        try:
            work()
        except ValueError:
            pass
        ---
        try:
            work()
        except Exception:
            logger.exception("failed")
            raise
        ---
        try:
            work()
        except Exception as error:
            raise ServiceUnavailable() from error
        ---
        try:
            work()
        except Exception as error:
            outcome = Outcome.failed(error)
        ---
        try:
            work()
        except Exception as error:
            return error_response(error)
        ---
        try:
            work()
        except Exception as error:
            if isinstance(error, InterlockError):
                send(error.info)
            else:
                send(ErrorInfo(PLUGIN_EXCEPTION, str(error)))
        ---
        try:
            work()
        except BaseException as error:
            document = {"error": describe(error)}
        ---
        try:
            work()
        except Exception as error:
            self._failure = error
        ---
        try:
            work()
        except Exception as error:
            with lock:
                match error:
                    case KeyError():
                        raise
                    case _:
                        outcome = Outcome.failed(error)
        ---
        try:
            work()
        except Exception as error:
            try:
                close()
            finally:
                raise
        ---
        def update_execution_metrics(self):
            try:
                self.sink.record()
            except Exception:
                logger.exception("the metrics of this run are lost")
        ---
        with contextlib.suppress(FileNotFoundError):
            remove(path)
        """
    )


def _finally_returns(tree: SyntaxTree) -> Iterator[ast.Return]:
    for work in tree.nodes(ast.Try, ast.TryStar):
        yield from (node for node in own_nodes(*work.finalbody) if isinstance(node, ast.Return))


def _exits_with_true(tree: SyntaxTree) -> Iterator[ast.Return]:
    for result in tree.nodes(ast.Return):
        around = next(tree.functions_around(result), None)
        if around and around.name in ("__exit__", "__aexit__") and tree.constant(result.value) is True:
            yield result
