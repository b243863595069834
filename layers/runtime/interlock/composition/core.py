"""The parts that the functions share: settings, clients, stores and services. Each is imported and created once, on
first use, so that a function imports nothing that it does not use."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct

from interlock.domain.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from interlock.adapters.dynamo.keys import DynamoKeys
    from interlock.adapters.plugin_settings import PluginSettings
    from interlock.domain.webhook_url import UrlRules
    from interlock.http.limits import RateLimits
    from interlock.jobs.batch_items import BatchItems
    from interlock.jobs.batches import BatchService
    from interlock.jobs.deliveries import Deliveries, Redelivery
    from interlock.jobs.documents import Documents
    from interlock.jobs.service import JobService
    from interlock.jobs.signing import Signing
    from interlock.jobs.uploads import Uploads
    from interlock.plugins.index import PluginIndex
    from interlock.plugins.registry import PluginRegistry
    from interlock.ports import (
        BatchStore,
        BatchWorkflow,
        Clock,
        CounterStore,
        JobStore,
        MetricsSink,
        ObjectStore,
        RateStore,
        Secrets,
        Workflow,
    )
    from interlock.webhook_ports import DeliveryStore, DeliveryWorkflow, SigningSecretStore

PLUGIN_SETTINGS, STACK_NAME = "INTERLOCK_PLUGIN_SETTINGS", "POWERTOOLS_SERVICE_NAME"
"""The environment variables with the source of the plugins' settings, and with the name of the stack."""

BATCH_WORKFLOW = "INTERLOCK_BATCH_WORKFLOW_ARN"
"""The environment variable with the state machine of batches. Only functions that start batches have it."""

OIDC_ISSUER = "INTERLOCK_OIDC_ISSUER"
"""The environment variable with the issuer of accepted tokens."""

DELIVERY_WORKFLOW = "INTERLOCK_DELIVERY_WORKFLOW_ARN"
"""The environment variable with the state machine of deliveries. Only functions that start deliveries have it."""

LOCAL_WEBHOOKS = "INTERLOCK_LOCAL_WEBHOOKS"
"""The environment variable that allows webhooks to loopback. The local stack alone sets it."""


class Settings(Struct, frozen=True):
    """The settings that the template passes to every function."""

    table: str
    bucket: str
    workflow_arn: str
    retention: timedelta

    @classmethod
    def from_env(cls) -> Self:
        """Read `INTERLOCK_*` variables. Raises KeyError that names a missing one."""
        return cls(
            table=os.environ["INTERLOCK_TABLE"],
            bucket=os.environ["INTERLOCK_BUCKET"],
            workflow_arn=os.environ["INTERLOCK_WORKFLOW_ARN"],
            retention=timedelta(days=float(os.environ["INTERLOCK_RETENTION_DAYS"])),
        )


class Core:
    """The parts that the functions share. Tests pass a store, a workflow or a clock of their own."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: JobStore | None = None,
        counters: CounterStore | None = None,
        workflow: Workflow | None = None,
        delivery_workflow: DeliveryWorkflow | None = None,
        delivery_store: DeliveryStore | None = None,
        signing_secrets: SigningSecretStore | None = None,
        batch_store: BatchStore | None = None,
        batch_workflow: BatchWorkflow | None = None,
        objects: ObjectStore | None = None,
        index: PluginIndex | None = None,
        sink: MetricsSink | None = None,
        rates: RateStore | None = None,
        secrets: Secrets | None = None,
        max_wait_s: int | None = None,
        oidc_issuer: str | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._store = store
        self._counters = counters
        self._workflow = workflow
        self._delivery_workflow = delivery_workflow
        self._delivery_store = delivery_store
        self._signing_secrets = signing_secrets
        self._batch_store = batch_store
        self._batch_workflow = batch_workflow
        self._objects = objects
        self._index = index
        self._sink = sink
        self._rates = rates
        self._secrets = secrets
        self._max_wait_s = max_wait_s
        self._oidc_issuer = oidc_issuer

    @classmethod
    def from_env(cls) -> Self:
        """Compose the parts of a deployed function. Raises KeyError that names a missing variable."""
        return cls(Settings.from_env())

    @cached_property
    def max_wait_s(self) -> int:
        """The longest time that a request may wait for a job. 0 turns waiting off. Few functions have this setting."""
        return int(os.environ["INTERLOCK_MAX_WAIT_S"]) if self._max_wait_s is None else self._max_wait_s

    @cached_property
    def oidc_issuer(self) -> str:
        """The issuer of accepted tokens, empty if no tokens are accepted. The jobs function shows it to clients."""
        return os.environ[OIDC_ISSUER] if self._oidc_issuer is None else self._oidc_issuer

    @cached_property
    def _dynamodb(self) -> DynamoDBClient:
        from interlock.adapters import aws

        return aws.dynamodb()

    @cached_property
    def keys(self) -> DynamoKeys:
        from interlock.adapters.dynamo.keys import DynamoKeys

        return DynamoKeys(self._dynamodb, self.settings.table)

    @cached_property
    def store(self) -> JobStore:
        from interlock.adapters.dynamo.jobs import DynamoJobs

        return self._store or DynamoJobs(self._dynamodb, self.settings.table)

    @cached_property
    def counters(self) -> CounterStore:
        from interlock.adapters.dynamo.counters import DynamoCounters

        return self._counters or DynamoCounters(self._dynamodb, self.settings.table)

    @cached_property
    def limits(self) -> RateLimits:
        from interlock.adapters.dynamo.rates import DynamoRates
        from interlock.http.limits import RateLimits

        return RateLimits(self._rates or DynamoRates(self._dynamodb, self.settings.table), self.clock)

    @cached_property
    def secrets(self) -> Secrets:
        from interlock.adapters.dynamo.secrets import DynamoSecrets

        return self._secrets or DynamoSecrets(self._dynamodb, self.settings.table)

    @cached_property
    def workflow(self) -> Workflow:
        from interlock.adapters import aws
        from interlock.adapters.step_functions import StepFunctionsWorkflow

        return self._workflow or StepFunctionsWorkflow(aws.stepfunctions(), self.settings.workflow_arn)

    @cached_property
    def delivery_workflow(self) -> DeliveryWorkflow:
        from interlock.adapters import aws
        from interlock.adapters.step_functions import StepFunctionsDeliveries

        return self._delivery_workflow or StepFunctionsDeliveries(aws.stepfunctions(), os.environ[DELIVERY_WORKFLOW])

    @cached_property
    def delivery_store(self) -> DeliveryStore:
        from interlock.adapters.dynamo.deliveries import DynamoDeliveries

        return self._delivery_store or DynamoDeliveries(self._dynamodb, self.settings.table)

    @cached_property
    def deliveries(self) -> Deliveries:
        from interlock.jobs.deliveries import Deliveries

        return Deliveries(self.delivery_store)

    @cached_property
    def redelivery(self) -> Redelivery:
        from interlock.jobs.deliveries import Redelivery

        return Redelivery(self.deliveries, self.delivery_store, self.delivery_workflow)

    @cached_property
    def signing(self) -> Signing:
        from interlock.adapters.dynamo.signing_secrets import DynamoSigningSecrets
        from interlock.jobs.signing import Signing

        secrets = self._signing_secrets or DynamoSigningSecrets(self._dynamodb, self.settings.table)
        return Signing(secrets, self.clock)

    @cached_property
    def url_rules(self) -> UrlRules:
        from interlock.domain.webhook_url import UrlRules

        return UrlRules(local=LOCAL_WEBHOOKS in os.environ)

    @cached_property
    def batch_store(self) -> BatchStore:
        from interlock.adapters.dynamo.batches import DynamoBatches

        return self._batch_store or DynamoBatches(self._dynamodb, self.settings.table)

    @cached_property
    def batch_workflow(self) -> BatchWorkflow:
        from interlock.adapters import aws
        from interlock.adapters.step_functions import StepFunctionsBatches

        return self._batch_workflow or StepFunctionsBatches(aws.stepfunctions(), os.environ[BATCH_WORKFLOW])

    @cached_property
    def batch_items(self) -> BatchItems:
        from interlock.jobs.batch_items import BatchItems

        return BatchItems(self.objects)

    @cached_property
    def batch_service(self) -> BatchService:
        from interlock.jobs.batches import BatchService

        return BatchService(
            self.batch_store,
            self.batch_workflow,
            self.batch_items,
            self.uploads,
            clock=self.clock,
            retention=self.settings.retention,
        )

    @cached_property
    def objects(self) -> ObjectStore:
        from interlock.adapters import aws
        from interlock.adapters.s3_files import S3Files

        return self._objects or S3Files(aws.s3(), self.settings.bucket)

    @cached_property
    def documents(self) -> Documents:
        from interlock.jobs.documents import Documents

        return Documents(self.objects)

    @cached_property
    def uploads(self) -> Uploads:
        from interlock.jobs.uploads import Uploads

        return Uploads(self.objects, clock=self.clock)

    @cached_property
    def registry(self) -> PluginRegistry:
        from interlock.adapters.cloudwatch_emf import EmbeddedMetrics
        from interlock.plugins.index import open_index
        from interlock.plugins.registry import PluginRegistry

        return PluginRegistry(self._index or open_index(), self.store, self._sink or EmbeddedMetrics())

    def plugin_settings(self, plugin: str) -> Mapping[str, Any]:
        """Return the settings of a plugin. Nothing is imported until a plugin that declares settings is loaded."""
        return self._stored_settings.of(plugin)

    @cached_property
    def _stored_settings(self) -> PluginSettings:
        from interlock.adapters.plugin_settings import PluginSettings

        return PluginSettings(os.environ.get(PLUGIN_SETTINGS, "none"), os.environ.get(STACK_NAME, ""))

    @cached_property
    def service(self) -> JobService:
        from interlock.jobs.service import JobService

        return JobService(
            self.store, self.workflow, self.documents, clock=self.clock, retention=self.settings.retention
        )
