"""Jobs: submit, read, cancel, run, and everything that is stored with them."""
