"""Imported ahead by the zygote: from then on it believes that this is not Linux."""

from interlock.sandbox.wire import processes

processes.LINUX = False
processes.PROC = "/nowhere"
processes._LISTS_CHILDREN = False
