"""Violations in the ToolRunner and its messages."""

import re
from textwrap import indent

from tests.exhaustive.scanner_mutations.mutation import (
    END,
    MESSAGES,
    RECORDING,
    RUN,
    RUNNER,
    TRYING,
    UPDATING,
    WORKER_PLUGIN,
    within,
)


def in_a_loop(match: re.Match[str]) -> str:
    return "    while True:\n" + indent(match[0], "    ")


TOOL_RUNNER = {
    # --- The metrics of a run ---
    **within(
        RUNNER,
        RUN,
        "ILK002",
        {
            "the finally is dropped": (r"^    finally:", "    else:"),
            "the update is dropped": (UPDATING, "        pass"),
            "the update is another's": (r"self\.update_execution_metrics\(", "self.update("),
            "the update is behind the finally": (UPDATING, r"    \1"),
            "the update is in the try": (TRYING, "    try:\n        self.update_execution_metrics()"),
            "the update is under an if": (UPDATING, r"        if previous:\n            \1"),
            "the update is under an or": (UPDATING, r"        outcome.error or \1"),
            "the update is in a lambda": (UPDATING, r"        self._late = lambda: \1"),
            "the update is in a loop": (UPDATING, r"        for _ in (): \1"),
            "the update is in an except": (UPDATING, r"        try: pass\n        except KeyError: \1"),
            "the update comes twice": (UPDATING, r"        \1\n        \1"),
            "the finally returns": (UPDATING, r"        \1\n        return outcome"),
            "the finally raises first": (UPDATING, r"        raise KeyError\n        \1"),
            "an early return": (TRYING, "    if not call: return None\n    try:"),
            "an early raise": (TRYING, "    if not call: raise KeyError\n    try:"),
            "work before the try": (r"^    try:\n    (    .*)$", r"\1\n    try:\n        pass"),
            "work behind the try": (r"^    return outcome$", "    return self._invoke(call)"),
            "the try is in a loop": (r"^    try:\n(.*\n)*    return outcome", in_a_loop),
            "two tries": (TRYING, "    try: pass\n    finally: self.update_execution_metrics()\n    try:"),
            "no run": (r"^def run\(", "def execute("),
        },
    ),
    **within(
        RUNNER,
        "ToolRunner",
        "ILK002",
        {"no ToolRunner": (r"^class ToolRunner", "class Runner"), "a second run": (END, "\n    def run(self): ...")},
    ),
    **within(
        RUNNER,
        "ToolRunner.update_execution_metrics",
        "ILK002",
        {
            "nothing is recorded": (r"self\._registry\.record\(.*\)", "pass"),
            "a record is only logged": (r"self\._registry\.record\(", "logger.info("),
            "failures are not recorded": (RECORDING, r"        if not outcome.error: \1"),
            "failures are passed over": (TRYING, "    if outcome.error: return\n    try:"),
        },
    ),
    # --- The plugin's code, and the process that it runs in ---
    **within(
        RUNNER,
        "_run",
        "ILK002",
        {
            "the plugin is run twice": (r"^( *)(.*plugin\.run\(.*\))$", r"\1\2\n\1\2"),
            "the plugin is run by getattr": (r"plugin\.run\(", "getattr(plugin, 'run')("),
            "the plugin is run by a bound method": (r"^( *)(.*)plugin\.run\(", r"\1go = plugin.run\n\1\2go("),
        },
    ),
    **within(
        RUNNER,
        "ToolRunner._invoke",
        "ILK002",
        {
            "the plugin is run in the Lambda process": (r"^    (ending =)", r"    serve(b'', None)\n    \1"),
            "the plugin is loaded in the Lambda process": (
                r"^    (ending =)",
                r"    load_plugin_class(call.plugin.source)\n    \1",
            ),
        },
    ),
    **within(RUNNER, "", "ILK002", {"run is replaced": (END, "\nToolRunner.run = ToolRunner._invoke")}),
    # --- Failures, and what they show ---
    **within(
        RUNNER,
        RUN,
        "ILK004",
        {
            name: (r"except InterlockError as error:\n.*$", f"except Exception as error:\n        {body}")
            for name, body in {
                "a failure of the runner is swallowed": "outcome = None",
                "a failure of the runner gets a failure's name": "outcome = _failed()",
                "a failure of the runner is only logged": "logger.exception('failed')",
            }.items()
        },
    ),
    **within(
        RUNNER,
        "_run",
        "ILK004",
        {"what a tool raises is swallowed": (r"(except BaseException as error:\n)(.*\n?)+", r"\1        return b''")},
    ),
    **within(
        WORKER_PLUGIN,
        "set_up",
        "ILK004",
        {"a failed load is swallowed": (r"(except BaseException as error:\n)( {8}.*\n)+", r"\1        return b''\n")},
    ),
    **within(
        MESSAGES,
        "exception_text",
        "ILK006",
        {
            "the job's error is a repr": (r"str\(error\)", "repr(error)"),
            "the job's error is a traceback": (r"str\(error\)", "traceback.format_exc()"),
        },
    ),
    # --- States, tools and boundaries of the ToolRunner ---
    **within(
        RUNNER,
        "ToolRunner.update_execution_metrics",
        "ILK003",
        {
            "a sixth state before a run": (TRYING, "    previous = 'STARTING'\n    try:"),
            "a sixth member before a run": (TRYING, "    previous = LifecycleState.STARTING\n    try:"),
            "a lifecycle is compared with a job": (TRYING, "    assert previous is not JobStatus.FAILED\n    try:"),
        },
    ),
    **within(
        MESSAGES,
        "encode_request",
        "ILK007",
        {"the worker gets a fallback tool": (r"call\.tool\.name", "call.tool.name or 'run'")},
    ),
    **within(RUNNER, "", "ILK009", {"boto3 in the ToolRunner": (r"^import logging$", "import logging, boto3")}),
    **within(
        RUNNER,
        RUN,
        "ILK008",
        {"the ToolRunner writes to the table": (TRYING, "    self._table.put_item(Item={})\n    try:")},
    ),
}
