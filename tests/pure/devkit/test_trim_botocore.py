"""The data of botocore in the layer, compared with the data that it was trimmed from."""

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.session import Session

from interlock_dev.build import trim_botocore

SERVICES = ["dynamodb", "s3", "stepfunctions"]


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, target = Path(botocore.__file__).parent / "data", tmp_path_factory.mktemp("data")
    for name in (*SERVICES, "sqs"):
        shutil.copytree(source / name, target / name)
    for file in source.glob("*.json"):
        shutil.copy(file, target)
    trim_botocore.main(target, SERVICES)
    return target


@cache
def session(data: Path | None = None) -> Session:
    made = Session()
    made.set_credentials("key", "secret")
    if data is not None:
        loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
        made.register_component("data_loader", loader)
    return made


def texts(node: Any) -> Any:
    """Yield the texts of documentation."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "documentation" and isinstance(value, str):
                yield value
            yield from texts(value)
    elif isinstance(node, list):
        for one in node:
            yield from texts(one)


def test_only_the_named_services_remain(trimmed: Path) -> None:
    assert session(trimmed).get_available_services() == sorted(SERVICES)
    assert not list(trimmed.rglob("examples*"))


@pytest.mark.parametrize("service", SERVICES)
def test_model_has_all_operations_and_shapes_and_no_documentation(trimmed: Path, service: str) -> None:
    full, small = (one.get_service_model(service) for one in (session(), session(trimmed)))
    assert small.operation_names == full.operation_names
    assert small.shape_names == full.shape_names
    assert list(texts(session().get_service_data(service)))
    kept = session(trimmed).get_service_data(service)
    assert small.client_context_parameters == full.client_context_parameters
    assert not list(texts({name: one for name, one in kept.items() if name != "clientContextParams"}))


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
def test_clients_have_the_same_endpoints(trimmed: Path, service: str, region: str) -> None:
    full, small = (one.create_client(service, region_name=region) for one in (session(), session(trimmed)))
    assert small.meta.endpoint_url == full.meta.endpoint_url


def test_endpoints_take_less_than_a_tenth(trimmed: Path) -> None:
    source = Path(botocore.__file__).parent / "data"
    assert (trimmed / "endpoints.json").stat().st_size * 10 < (source / "endpoints.json").stat().st_size
