"""Scripts that run with what a deployed function can import: the built layers, or a peer's environment.

They import the standard library and, some of them, `interlock`, but nothing else of this repository.
"""
