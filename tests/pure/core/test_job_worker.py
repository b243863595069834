"""The conditions under which a function that runs tools exits."""

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest

from interlock.composition.job_worker import leave_if_unfit
from interlock.sandbox import EXIT_UNFIT


@pytest.mark.parametrize(("unfit", "on_lambda"), [(True, True), (True, False), (False, True)])
def test_process_exits_only_if_unfit_and_on_lambda(
    monkeypatch: pytest.MonkeyPatch, unfit: bool, on_lambda: bool
) -> None:
    codes: list[int] = []
    exit_with: Any = codes.append
    monkeypatch.setattr(os, "_exit", exit_with)
    monkeypatch.delenv("AWS_LAMBDA_RUNTIME_API", raising=False)
    if on_lambda:
        monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")

    leave_if_unfit(cast("Any", SimpleNamespace(unfit=unfit)))

    assert codes == ([EXIT_UNFIT] if unfit and on_lambda else [])
