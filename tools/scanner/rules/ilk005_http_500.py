"""ILK005: nothing answers HTTP 500."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.scanner.engine.tree import SyntaxTree, bindings, last, target_name
from tools.scanner.engine.violation import Rule, Violation, samples


class InternalServerError(Rule):
    """No HTTP 500."""

    code = "ILK005"
    title = "No HTTP 500 is constructed"
    rationale = (
        "Executing a tool answers 200 or 400, and what Interlock stands on being down is 503. A 500 says that we do"
        " not know what happened, so none is written anywhere: not as a status code, not in a table of them, not as"
        " an exception of the framework."
    )
    status = re.compile(r"status(es)?(_?codes?)?(_by_\w+)?$|^code$|^HTTP", re.IGNORECASE)
    answer = re.compile(r"(response|envelope|error|exception|abort|reply|respond|answer|httpstatus)$", re.IGNORECASE)
    line = re.compile(r"500( [A-Z][a-z]+.*)?$")
    mentioned = re.compile(r"500|internal_?server_?error", re.IGNORECASE)
    telltale = frozenset({401, 403, 404, 405, 409, 413, 415, 422, 429, 502, 503, 504})
    """Numbers that are hardly ever anything but an HTTP status."""
    named = frozenset({"INTERNAL_SERVER_ERROR", "InternalServerError", "HTTP_500_INTERNAL_SERVER_ERROR"})

    def check(self, tree: SyntaxTree, path: PurePosixPath) -> Iterator[Violation]:
        if self.mentioned.search(tree.text):
            for node in dict.fromkeys(self._found(tree)):
                yield self.violation(tree, path, node, "constructs an HTTP 500")

    def _found(self, tree: SyntaxTree) -> Iterator[ast.expr]:
        yield from self._by_name(tree)
        for target, value in bindings(tree):
            name = target.value if isinstance(target, ast.Constant) else target_name(target)
            if isinstance(name, str) and self.status.search(name) and self._is_500(tree, value):
                yield value
        for call in tree.nodes(ast.Call):
            function = last(tree.dotted(call.func))
            if self.answer.search(function):
                yield from (value for value in call.args if self._is_500(tree, value))
        for table in tree.nodes(ast.Dict):
            yield from self._in_table(tree, table)
        for result in tree.nodes(ast.Return):
            if isinstance(result.value, ast.Tuple):
                yield from (value for value in result.value.elts if self._is_500(tree, value))

    def _by_name(self, tree: SyntaxTree) -> Iterator[ast.expr]:
        for attribute in tree.nodes(ast.Attribute):
            if attribute.attr in self.named or attribute.attr == "internal_server_error":
                yield attribute
        for name in tree.nodes(ast.Name):
            if last(tree.dotted(name)) in self.named:
                yield name
        for index in tree.nodes(ast.Subscript):
            if tree.text_of(index.slice) in self.named:
                yield index

    def _in_table(self, tree: SyntaxTree, table: ast.Dict) -> Iterator[ast.expr]:
        """A 500 among the values of a table of HTTP statuses: one that is named so, has errors for its keys, or other
        statuses for its values."""
        found = [value for value in table.values if self._is_500(tree, value)]
        if found and (
            any("error" in ast.unparse(key).lower() for key in table.keys if key)
            or any(tree.constant(value) in self.telltale for value in table.values)
            or any(self.status.search(name) for name in _names_of(tree, table))
        ):
            yield from found

    def _is_500(self, tree: SyntaxTree, node: ast.expr) -> bool:
        value = tree.constant(node)
        return value == 500 or (isinstance(value, str) and bool(self.line.match(value)))

    failing = samples(
        """
        return Response(status_code=500)
        ---
        return {"statusCode": 500, "body": ""}
        ---
        response["statusCode"] = 500
        ---
        response.status_code = 500
        ---
        FAILURE = 500
        return Response(FAILURE, body)
        ---
        return Response(500, "application/json", body)
        ---
        return json_response(body, 500)
        ---
        return body, 500
        ---
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        ---
        status = HTTPStatus(500)
        ---
        from http import HTTPStatus as H
        status = H["INTERNAL_SERVER_ERROR"]
        ---
        raise InternalServerError("we do not know")
        ---
        from aws_lambda_powertools.event_handler.exceptions import InternalServerError as Broken
        raise Broken("we do not know")
        ---
        raise ServiceError(500, "we do not know")
        ---
        start_response("500 Internal Server Error", headers)
        ---
        STATUS_BY_CODE = MappingProxyType({"unavailable": 500})
        ---
        table = {"ValidationError": 400, "ServiceError": 500}
        ---
        table = {"unauthorized": 401, "unavailable": 500}
        """
    )
    passing = samples(
        """
        return Response(status_code=503)
        ---
        time.sleep(500)
        ---
        limits = {"jobs": 500}
        ---
        if response.status_code >= 500:
            retry()
        ---
        range(500)
        ---
        size = {"width": 500, "height": 400}
        """
    )


def _names_of(tree: SyntaxTree, value: ast.expr) -> list[str]:
    """The names that an expression is assigned to, wrapped in calls or not."""
    above = tree.parent(value)
    while isinstance(above, ast.Call):
        above = tree.parent(above)
    targets = getattr(above, "targets", None) or [getattr(above, "target", None)]
    return [target_name(target) for target in targets]
