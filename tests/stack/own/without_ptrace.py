"""`without_ptrace.py ARGUMENTS...` becomes `python ARGUMENTS...`, without root's permission to inspect any process."""

import ctypes
import os
import sys

_PR_CAPBSET_DROP = 24
_LOOK_INTO_ANY_PROCESS = {"CAP_SYS_PTRACE": 19, "CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38}

if __name__ == "__main__":
    for capability in _LOOK_INTO_ANY_PROCESS.values():
        # Refused to users other than root, who do not have the capability.
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
