"""Make the zygote that imports this module behave as on another system than Linux."""

from interlock.sandbox.wire import processes

processes.LINUX = False
processes.PROC = "/nowhere"
processes._LISTS_CHILDREN = False
