"""Tool execution: the ToolRunner and its side in the worker process."""
