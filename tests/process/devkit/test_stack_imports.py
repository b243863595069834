"""The modules that the local stack imports at its start."""

import subprocess
import sys

START = "import sys, interlock_dev.aws.server; print(*(name for name in sys.modules if name.startswith('moto.')))"


def test_local_aws_imports_step_functions_without_ec2() -> None:
    imported = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True).stdout.split()
    assert {"moto.stepfunctions.models", "moto.batch.utils"} <= set(imported)
    assert not [name for name in imported if name.startswith(("moto.ec2", "moto.batch.models"))]
