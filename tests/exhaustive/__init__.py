"""Fault injection: the n-th external call fails or ends the process, for every n of every path; and thousands of races.

After each, all jobs finish and the invariants of the table are checked.
"""
