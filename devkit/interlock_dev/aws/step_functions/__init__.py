"""moto's Step Functions, changed where a local stack needs more, or less, than moto does.

Less: its interpreter uses one enumeration of moto's AWS Batch. With that package it would import EC2, which reads
machine images and instance types: half a second, and 140 MB that are kept. Here the package is empty, and its modules
are imported when they are asked for.
"""

import sys
from importlib.util import find_spec, module_from_spec

_batch = find_spec("moto.batch")
if _batch is not None and _batch.name not in sys.modules:
    sys.modules[_batch.name] = module_from_spec(_batch)
