"""The rules of governed execution, mechanically checked. Standard library alone; Python 3.11 or later."""

from execution_rules.http_500 import InternalServerError
from execution_rules.imports import AwsClients, PluginImport
from execution_rules.invocation import PluginInvocation
from execution_rules.leaks import LeakedException
from execution_rules.lifecycle import LifecycleStates
from execution_rules.rule import Rule, Sample, Violation
from execution_rules.runner_shape import RunnerShape
from execution_rules.swallowed import SwallowedFailure
from execution_rules.terminal_writes import TerminalWrite
from execution_rules.tool_choice import FallbackTool

RULES: tuple[Rule, ...] = (
    PluginInvocation(),
    RunnerShape(),
    LifecycleStates(),
    SwallowedFailure(),
    InternalServerError(),
    LeakedException(),
    FallbackTool(),
    TerminalWrite(),
    AwsClients(),
    PluginImport(),
)
"""Every rule, in the order of their codes."""

__all__ = ["RULES", "Rule", "Sample", "Violation"]
