"""ILK009: Only adapters, composition and devkit import boto3.

One place talks to AWS, translates its errors and makes its clients once. An import of boto3 or botocore anywhere else
is a way to the table that bypasses the store, and costs every cold start.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.scanner.config import AWS_FILES, AWS_PACKAGES, matches
from tools.scanner.engine.facts import imported_modules
from tools.scanner.engine.nodes import Problem
from tools.scanner.engine.tree import SyntaxTree


def check(tree: SyntaxTree, path: PurePosixPath) -> Iterator[Problem]:
    if matches(path, AWS_FILES):
        return
    for node, module in imported_modules(tree):
        if module.partition(".")[0] in AWS_PACKAGES:
            yield node, f"{module} may be imported only in the adapters, the composition and the devkit"
