"""The rules of governed execution, mechanically checked. Standard library alone; Python 3.11 or later."""

from tools.scanner.engine.violation import Rule, Sample, Violation
from tools.scanner.rules.ilk001_plugin_invocation import PluginInvocation
from tools.scanner.rules.ilk002_rule import RunnerShape
from tools.scanner.rules.ilk003_rule import LifecycleStates
from tools.scanner.rules.ilk004_swallowed_failure import SwallowedFailure
from tools.scanner.rules.ilk005_http_500 import InternalServerError
from tools.scanner.rules.ilk006_leaked_exception import LeakedException
from tools.scanner.rules.ilk007_fallback_tool import FallbackTool
from tools.scanner.rules.ilk008_terminal_write import TerminalWrite
from tools.scanner.rules.ilk010_plugin_import import AwsClients, PluginImport

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
