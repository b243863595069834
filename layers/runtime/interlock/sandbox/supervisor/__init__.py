"""Code of the supervisor, in the process that calls the sandbox: it starts, watches and ends the other processes."""
