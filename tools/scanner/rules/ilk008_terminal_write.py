"""ILK008: a job ends in one place."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.scanner.engine.tree import SyntaxTree, arguments, bindings, last, target_name
from tools.scanner.engine.violation import ADAPTERS, RUNTIME, Rule, Violation, samples, within

FINAL = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED"})
FINAL_TEXTS = frozenset(name.lower() for name in FINAL)


class TerminalWrite(Rule):
    """A job ends through the store's settle."""

    code = "ILK008"
    title = "A terminal status is written only by the store's settle"
    rationale = (
        "That a job ends once, with its counters in the same transaction, holds because one function writes it, on"
        " condition of status and attempt. So only `adapters/dynamo` may call DynamoDB's writes; in the adapters a"
        " final status is handed on only in functions named `settle…` and in the pure item mapping; and elsewhere no"
        " writing method of a store is given one. Comparing with a final status is reading, and free."
    )
    writes = frozenset(
        {
            "put_item",
            "update_item",
            "delete_item",
            "transact_write_items",
            "batch_write_item",
            "batch_writer",
            "execute_statement",
            "batch_execute_statement",
            "execute_transaction",
        }
    )
    stores = re.compile(r"(store|stores|jobs|table|repository)$")
    verbs = re.compile(
        r"_?(put|save|update|change|write|set|create|insert|mark|store|move|transition|finish|complete|end)(_|$)"
    )
    ends = frozenset({"ended", "lost", "cancel_requested"})
    """Steps of `interlock.domain.job` that may bring a job to its end."""

    def check(self, tree: SyntaxTree, path: PurePosixPath) -> Iterator[Violation]:
        adapter = within(path, *ADAPTERS)
        if not within(path, "interlock", "adapters", "dynamo"):
            for node in self._writes(tree):
                yield self.violation(tree, path, node, "writes to DynamoDB outside adapters/dynamo")
        if adapter and path.name != "values.py":
            for node in self._final_values(tree):
                yield self.violation(tree, path, node, "a final status is written outside settle")
        elif not adapter:
            for node in self._handed_to_stores(tree):
                yield self.violation(tree, path, node, "a final status is written past the store's settle")

    def _writes(self, tree: SyntaxTree) -> Iterator[ast.expr]:
        for attribute in tree.nodes(ast.Attribute):
            if attribute.attr in self.writes and isinstance(attribute.ctx, ast.Load):
                yield attribute
        for call in tree.calls("getattr", "__getattribute__", "methodcaller", "attrgetter"):
            if any(tree.text_of(argument) in self.writes for argument in call.args):
                yield call

    def _final_values(self, tree: SyntaxTree) -> Iterator[ast.expr]:
        for attribute in tree.nodes(ast.Attribute):
            if _is_final_member(tree, attribute) and not _is_read(tree, attribute) and not _settles(tree, attribute):
                yield attribute
        for target, value in bindings(tree):
            name = target.value if isinstance(target, ast.Constant) else target_name(target)
            typed = name == "S" or (isinstance(name, str) and name.lstrip(":#").endswith("status"))
            if typed and tree.text_of(value) in FINAL_TEXTS and not _settles(tree, value):
                yield value

    def _handed_to_stores(self, tree: SyntaxTree) -> Iterator[ast.expr]:
        for call in tree.nodes(ast.Call):
            match call.func:
                case ast.Attribute(value=owner, attr=method) if self.stores.search(target_name(owner)):
                    if self.verbs.match(method):
                        yield from self._final_arguments(tree, call)
                        yield from self._ended_jobs(tree, call)

    def _final_arguments(self, tree: SyntaxTree, call: ast.Call) -> Iterator[ast.expr]:
        for argument in (*call.args, *call.keywords):
            for node in ast.walk(argument):
                if isinstance(node, ast.Attribute) and _is_final_member(tree, node) and not _is_read(tree, node):
                    yield node
                elif isinstance(node, ast.keyword) and target_name(node).endswith("status"):
                    yield from (value for value in [node.value] if tree.text_of(value) in FINAL_TEXTS)

    def _ended_jobs(self, tree: SyntaxTree, call: ast.Call) -> Iterator[ast.expr]:
        """Jobs handed on that a step of their life may have ended, where nobody asked whether they are `finished`."""
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            steps = {target_name(made.func) for made in _origins(tree, argument) if isinstance(made, ast.Call)}
            if steps & self.ends and not _known_to_go_on(tree, call, argument):
                yield argument

    failing = (
        *samples(
            """
            table.put_item(Item=item)
            ---
            write = client.update_item
            ---
            client.transact_write_items(TransactItems=items)
            ---
            getattr(client, "put_item")(Item=item)
            ---
            with table.batch_writer() as batch:  # bad
                ...
            ---
            self._store.update(job_id, status=JobStatus.SUCCEEDED)
            ---
            store.put(replace(job, status=JobStatus.FAILED))
            ---
            self._jobs.set_status(job_id, status="cancelled")
            ---
            self._store.change(job, jobs.lost(job, now=now))
            ---
            def finish(self, job, outcome):
                after = jobs.ended(job, outcome)
                self._store.change(job, after)  # bad
            ---
            def write(self, before, after):
                if before.finished:
                    return
                else:
                    self._store.change(before, after)  # bad
            def finish(self, job, outcome):
                after = jobs.ended(job, outcome)
                self.write(job, after)
            """,
            "functions/execute/handler.py",
        ),
        *samples("client.put_item(Item=item)", f"{RUNTIME}/adapters/s3_files.py"),
        *samples(
            """
            def cancel(self, job):
                self._client.update_item(ExpressionAttributeValues={":s": {"S": "cancelled"}})
            ---
            def heartbeat(self, job):
                self._write(job, status=JobStatus.TIMED_OUT)
            ---
            def claim(self, job):
                values = {":status": JobStatus.FAILED.value}
            ---
            item["status"] = "succeeded"
            """,
            f"{RUNTIME}/adapters/dynamo/jobs.py",
        ),
    )
    passing = (
        *samples(
            """
            self._store.settle(job, JobStatus.SUCCEEDED)
            ---
            jobs = self._store.list(status=JobStatus.FAILED)
            ---
            if job.status is JobStatus.CANCELLED:
                store.update(job)
            ---
            job = replace(job, status=JobStatus.FAILED)
            ---
            self._store.change(job, jobs.claimed(job, now=now))
            ---
            def write(self, before, after):
                if after.finished:
                    self._store.settle(before, after)
                else:
                    self._store.change(before, after)
            def finish(self, job, outcome):
                after = jobs.ended(job, outcome)
                self.write(job, after)
            """,
            "functions/jobs/handler.py",
        ),
        *samples(
            """
            def settle(self, job, outcome):
                values = {":status": {"S": "failed"}, ":attempt": job.attempt}
                self._client.transact_write_items(TransactItems=self._items(JobStatus.FAILED, values))
            ---
            def claim(self, job):
                if job.status in (JobStatus.SUCCEEDED, JobStatus.FAILED):
                    return None
                self._client.update_item(ExpressionAttributeValues={":status": {"S": "running"}})
            """,
            f"{RUNTIME}/adapters/dynamo/jobs.py",
        ),
        *samples('ALIASES = {"S": "failed"}', f"{RUNTIME}/adapters/dynamo/values.py"),
    )


def _is_final_member(tree: SyntaxTree, node: ast.Attribute) -> bool:
    return node.attr in FINAL and last(tree.dotted(node.value)) == "JobStatus"


def _is_read(tree: SyntaxTree, node: ast.AST) -> bool:
    """Whether a status is only looked at: compared, matched, or an index."""
    for around in tree.ancestors(node):
        match around:
            case ast.Compare() | ast.MatchValue() | ast.Subscript():
                return True
            case ast.stmt() | ast.Call() | ast.Dict():
                return False
    return False


def _origins(tree: SyntaxTree, node: ast.expr, depth: int = 3) -> Iterator[ast.expr]:
    """What a name was assigned in its function; for a parameter, what the functions of the file pass for it."""
    yield node
    if not isinstance(node, ast.Name) or not depth:
        return
    function = next(tree.functions_around(node), None)
    for assign in tree.nodes(ast.Assign):
        if tree.scope(assign) is function and node.id in map(target_name, assign.targets):
            yield assign.value
    parameters = [parameter.arg for parameter in arguments(function)] if function else []
    if function is None or node.id not in parameters:
        return
    for call in tree.nodes(ast.Call):
        if target_name(call.func) == function.name:
            method = isinstance(call.func, ast.Attribute)
            position = parameters.index(node.id) - method
            passed = [*call.args[position : position + 1], *(k.value for k in call.keywords if k.arg == node.id)]
            for value in passed:
                yield from _origins(tree, value, depth - 1)


def _known_to_go_on(tree: SyntaxTree, node: ast.AST, job: ast.expr) -> bool:
    """Whether `node` stands where `job` is known not to be over: in the `else` of a question for its `finished`."""
    inner = node
    for around in tree.ancestors(node):
        if isinstance(around, ast.If):
            match around.test:
                case ast.UnaryOp(op=ast.Not(), operand=asked):
                    otherwise = around.body
                case asked:
                    otherwise = around.orelse
            if ast.unparse(asked) == f"{ast.unparse(job)}.finished" and inner in otherwise:
                return True
        inner = around
    return False


def _settles(tree: SyntaxTree, node: ast.AST) -> bool:
    return any(function.name.lstrip("_").startswith("settle") for function in tree.functions_around(node))
