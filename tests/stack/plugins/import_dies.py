"""Ends its process where it should be imported, after writing to every descriptor that there is."""

import contextlib
import os

for number in range(64):
    with contextlib.suppress(OSError):
        os.write(number, b'{"manifests": [nonsense')

os._exit(7)
