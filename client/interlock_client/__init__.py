"""Python client of Interlock.

```python
from pathlib import Path
from interlock_client import Interlock

interlock = Interlock("http://127.0.0.1:3000", "dev-key")
result = interlock.run("ocr.analyze", image=Path("page.png"), language="eng")
```

`Interlock` is the client, and `AsyncInterlock` the same for `async` code. All errors derive from `InterlockError`.
"""

from interlock_client.asynchronous import AsyncInterlock, AsyncJob
from interlock_client.batches import AsyncBatch, Batch
from interlock_client.errors import (
    AuthenticationError,
    ConflictError,
    ConnectionFailed,
    ExecutionError,
    IdempotencyError,
    InterlockError,
    NotFoundError,
    PayloadError,
    PermissionDeniedError,
    PluginError,
    ServiceError,
    ThrottlingError,
    TransferFailed,
    UnexpectedResponse,
    ValidationError,
    WaitTimeout,
)
from interlock_client.files import decode_file, save_file
from interlock_client.steps import Retries
from interlock_client.synchronous import Interlock, Job

__version__ = "0.1.0"

__all__ = [
    "AsyncBatch",
    "AsyncInterlock",
    "AsyncJob",
    "AuthenticationError",
    "Batch",
    "ConflictError",
    "ConnectionFailed",
    "ExecutionError",
    "IdempotencyError",
    "Interlock",
    "InterlockError",
    "Job",
    "NotFoundError",
    "PayloadError",
    "PermissionDeniedError",
    "PluginError",
    "Retries",
    "ServiceError",
    "ThrottlingError",
    "TransferFailed",
    "UnexpectedResponse",
    "ValidationError",
    "WaitTimeout",
    "decode_file",
    "save_file",
]
