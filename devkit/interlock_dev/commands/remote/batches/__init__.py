"""`interlock batch`: run a tool on many inputs."""
