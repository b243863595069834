"""The stores of deliveries and signing secrets, in memory and in a table: earlier records never replace later ones."""

from collections.abc import Callable
from copy import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.adapters.dynamo.deliveries import DynamoDeliveries
from interlock.adapters.dynamo.signing_secrets import DynamoSigningSecrets
from interlock.domain.webhook import Delivery, DeliveryError, DeliveryState, WebhookEvent, job_subject
from interlock.domain.webhook_secret import SigningSecrets
from interlock.webhook_ports import DeliveryStore, SigningSecretStore
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON, MemoryDeliveries, MemorySigningSecrets
from tests.service.conftest import Table

STARTED, FINISHED = WebhookEvent.STARTED, WebhookEvent.FINISHED
DELIVERED, FAILED, PENDING = DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.PENDING


@pytest.fixture(params=["memory", "moto"])
def deliveries(request: pytest.FixtureRequest, tables: Callable[[str], Table]) -> DeliveryStore:
    if request.param == "memory":
        return MemoryDeliveries()
    table = tables(request.param)
    return DynamoDeliveries(table.client, table.name)


@pytest.fixture(params=["memory", "moto"])
def secrets(request: pytest.FixtureRequest, tables: Callable[[str], Table]) -> SigningSecretStore:
    if request.param == "memory":
        return MemorySigningSecrets()
    table = tables(request.param)
    return DynamoSigningSecrets(table.client, table.name)


def test_recorded_delivery_is_read_back(deliveries: DeliveryStore) -> None:
    subject = job_subject(a_job())
    delivery = Delivery(FINISHED, 2, PENDING, 3, 503, DeliveryError.STATUS, NOON)
    other = Delivery(STARTED, 0, DELIVERED, 1, 200)
    assert deliveries.get(subject, FINISHED) is None
    assert deliveries.about(subject) == []
    for one in (delivery, other):
        assert deliveries.record(subject, one, expires_at=NOON) == one
    assert deliveries.get(subject, FINISHED) == delivery
    assert sorted(deliveries.about(subject), key=lambda one: one.event) == [delivery, other]
    assert deliveries.about(replace(subject, tenant="other")) == []


@pytest.mark.parametrize(
    ("stored", "late"),
    [
        (Delivery(FINISHED, 0, DELIVERED, 1), Delivery(FINISHED, 0, PENDING, 2)),
        (Delivery(FINISHED, 0, DELIVERED, 1), Delivery(FINISHED, 0, DELIVERED, 2)),
        (Delivery(FINISHED, 0, DELIVERED, 1), Delivery(FINISHED, 0, FAILED, 8)),
        (Delivery(FINISHED, 0, FAILED, 8), Delivery(FINISHED, 0, PENDING, 9)),
        (Delivery(FINISHED, 0, PENDING, 2), Delivery(FINISHED, 0, PENDING, 2, 500)),
        (Delivery(FINISHED, 0, PENDING, 2), Delivery(FINISHED, 0, FAILED, 1)),
        (Delivery(FINISHED, 1, PENDING, 0), Delivery(FINISHED, 0, DELIVERED, 3)),
        (Delivery(FINISHED, 1, PENDING, 1), Delivery(FINISHED, 1, PENDING, 0)),
    ],
)
def test_late_record_is_not_written_and_the_stored_one_returned(
    deliveries: DeliveryStore, stored: Delivery, late: Delivery
) -> None:
    subject = job_subject(a_job())
    deliveries.record(subject, stored, expires_at=NOON)
    assert deliveries.record(subject, late, expires_at=NOON) == stored
    assert deliveries.get(subject, FINISHED) == stored


@pytest.mark.parametrize(
    ("stored", "later"),
    [
        (Delivery(FINISHED, 0, PENDING, 1), Delivery(FINISHED, 0, PENDING, 2)),
        (Delivery(FINISHED, 0, PENDING, 7), Delivery(FINISHED, 0, FAILED, 8)),
        (Delivery(FINISHED, 0, PENDING, 3), Delivery(FINISHED, 0, DELIVERED, 3)),
        (Delivery(FINISHED, 0, FAILED, 8), Delivery(FINISHED, 0, DELIVERED, 8)),
        (Delivery(FINISHED, 0, DELIVERED, 8), Delivery(FINISHED, 1, PENDING, 0)),
        (Delivery(FINISHED, 1, PENDING, 0), Delivery(FINISHED, 1, PENDING, 1)),
    ],
)
def test_later_record_is_written(deliveries: DeliveryStore, stored: Delivery, later: Delivery) -> None:
    subject = job_subject(a_job())
    deliveries.record(subject, stored, expires_at=NOON)
    assert deliveries.record(subject, later, expires_at=NOON) == later


RECORDS = st.builds(Delivery, st.just(FINISHED), st.integers(0, 2), st.sampled_from(DeliveryState), st.integers(0, 3))


@given(st.lists(RECORDS, max_size=8))
def test_memory_and_table_keep_the_same_records(tables: Callable[[str], Table], records: list[Delivery]) -> None:
    table, subject = tables("moto"), job_subject(a_job())
    stores = MemoryDeliveries(), DynamoDeliveries(table.client, table.name)
    for delivery in records:
        assert len({store.record(subject, delivery, expires_at=NOON) for store in stores}) == 1


def test_first_secrets_win_and_rotations_follow_them(secrets: SigningSecretStore) -> None:
    tenant = a_job().job_id
    first, second = SigningSecrets.new(NOON), SigningSecrets.new(NOON)
    assert secrets.get(tenant) is None
    assert secrets.replace(tenant, None, first) == first
    assert secrets.replace(tenant, None, second) == first
    rotated, rival = first.rotated(NOON), first.rotated(NOON)
    assert secrets.replace(tenant, first, rotated) == rotated
    assert secrets.replace(tenant, first, rival) == rotated
    assert secrets.get(tenant) == rotated
    assert rotated.previous[0].secret == first.current
