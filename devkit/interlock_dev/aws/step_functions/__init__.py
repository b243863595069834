"""moto's Step Functions, adapted to the local stack.

This module makes them cheaper to import. moto's interpreter uses one enumeration of moto's AWS Batch. Importing that
package would also import EC2, which reads machine images and instance types: half a second, and 140 MB that stay in
memory. Here the package `moto.batch` is empty, and its modules are imported only when they are needed.
"""

import sys
from importlib.util import find_spec, module_from_spec

_batch = find_spec("moto.batch")
if _batch is not None and _batch.name not in sys.modules:
    sys.modules[_batch.name] = module_from_spec(_batch)
