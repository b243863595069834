"""Code of the zygote and of the worker processes that it forks."""
