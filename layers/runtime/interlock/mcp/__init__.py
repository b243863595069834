"""The Model Context Protocol: plugin tools as MCP tools, jobs as its tasks. Imported when `/mcp` is called.

Specification: https://modelcontextprotocol.io/specification/2026-07-28, and its Tasks extension,
https://modelcontextprotocol.github.io/ext-tasks.
"""
