"""Mutation tests of the scanner: it reports each violation planted in the real sources, and no harmless rewriting.

The mutations are data in `scanner_mutations`.
"""

import ast
import itertools
from collections import Counter
from functools import cache
from pathlib import PurePosixPath

import pytest
from tools.scanner.engine.scan import scan_source
from tools.scanner.rules import RULES

from tests.exhaustive.scanner_mutations.elsewhere import ELSEWHERE, IN_HANDLERS
from tests.exhaustive.scanner_mutations.harmless import HARMLESS
from tests.exhaustive.scanner_mutations.jobs import JOB_SERVICE_AND_RUNNER
from tests.exhaustive.scanner_mutations.mutation import ROOT, RUN, RUNNER, Mutation
from tests.exhaustive.scanner_mutations.tool_runner import TOOL_RUNNER
from tests.volume import volume

BREAKING = TOOL_RUNNER | JOB_SERVICE_AND_RUNNER | ELSEWHERE

type Found = Counter[tuple[str, str]]
"""How often the scanner reports each code and message."""


def scanned(source: str, file: str) -> Found:
    """Scan a source as if it were the content of the file. Leave out waived findings."""
    found = scan_source(source.encode(), PurePosixPath(file), RULES)
    return Counter((each.code, each.message) for each in found if not each.waiver)


@cache
def before(file: str) -> Found:
    """Scan the unchanged file in its normal form, which has no comments and therefore no waivers."""
    return scanned(ast.unparse(ast.parse((ROOT / file).read_text(encoding="utf-8"))), file)


STEP = volume(sample=5, full=1)
SELECTED = dict(itertools.islice((BREAKING | IN_HANDLERS).items(), None, None, STEP))
SELECTED_HARMLESS = dict(itertools.islice(HARMLESS.items(), None, None, STEP))
ALL_FILES = sorted({mutation.file for mutation in (*BREAKING.values(), *IN_HANDLERS.values(), *HARMLESS.values())})


@pytest.mark.parametrize("file", ALL_FILES)
def test_unchanged_source_has_no_violation(file: str) -> None:
    assert scanned((ROOT / file).read_text(encoding="utf-8"), file) == Counter()


@pytest.mark.parametrize("mutation", SELECTED.values(), ids=SELECTED)
def test_planted_violation_is_reported(mutation: Mutation) -> None:
    found = scanned(mutation.apply(), mutation.file) - before(mutation.file)
    assert mutation.code in {code for code, _ in found}


@pytest.mark.parametrize("mutation", SELECTED_HARMLESS.values(), ids=SELECTED_HARMLESS)
def test_harmless_rewrite_is_not_reported(mutation: Mutation) -> None:
    assert scanned(mutation.apply(), mutation.file) - before(mutation.file) == Counter()


def test_every_rule_is_proved_on_the_real_sources() -> None:
    assert {mutation.code for mutation in BREAKING.values()} == set(RULES)
    assert {PurePosixPath(mutation.file).name for mutation in BREAKING.values()} > {
        "tool_runner.py",
        "service.py",
        "runner.py",
    }
    assert len(BREAKING) >= 40


@pytest.mark.parametrize(
    "stale",
    [
        Mutation(RUNNER, "NoSuchClass.run", "x", "y", "ILK002"),
        Mutation(RUNNER, RUN, "no such text", "y", "ILK002"),
        Mutation(RUNNER, RUN, "call", "y", "ILK002"),
        Mutation(RUNNER, RUN, r"^    finally:", "    finally:", "ILK002"),
    ],
    ids=["no scope", "no anchor", "several anchors", "no change"],
)
def test_a_mutation_that_does_not_fit_the_source_fails(stale: Mutation) -> None:
    with pytest.raises(pytest.fail.Exception, match="up to date"):
        stale.apply()
