# %% violation in functions/execute/handler.py
import boto3

# %% violation in functions/execute/handler.py
import boto3.dynamodb.conditions as conditions

# %% violation in functions/execute/handler.py
from botocore.exceptions import ClientError

# %% violation in functions/execute/handler.py
def lazily():
    import boto3

# %% violation in functions/execute/handler.py
importlib.import_module("boto3")

# %% violation in functions/execute/handler.py
client = __import__("boto3").client("dynamodb")

# %% harmless in layers/runtime/interlock/adapters/dynamo/jobs.py
from botocore.config import Config

# %% harmless in layers/runtime/interlock/composition/core.py
import boto3

# %% harmless in devkit/interlock_dev/stack/start.py
import boto3

# %% harmless
from mypy_boto3_dynamodb import DynamoDBClient

# %% harmless
from interlock.composition.core import bootstrap
