"""Faults on purpose: the n-th call to the outside world fails, or ends the process, for every n of every path; and
races by the thousand. After each, the system is brought to rest and its invariants are checked from the table."""
