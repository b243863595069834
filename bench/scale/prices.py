"""List prices in us-east-1, without free tiers and discounts for volume, and their sources."""

from dataclasses import dataclass

READ = "2026-11-29"
_AWS = "https://aws.amazon.com"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for `per` units."""

    usd: float
    per: float
    unit: str
    source: str

    def __mul__(self, amount: float) -> float:
        return self.usd / self.per * amount


GATEWAY = Price(3.50, 1e6, "requests (REST)", f"{_AWS}/api-gateway/pricing/")
INVOCATION = Price(0.20, 1e6, "invocations", f"{_AWS}/lambda/pricing/")
COMPUTE = Price(0.0000166667, 1, "GB-second (x86)", f"{_AWS}/lambda/pricing/")
WRITE = Price(0.625, 1e6, "write request units", f"{_AWS}/dynamodb/pricing/on-demand/")
READ_UNIT = Price(0.125, 1e6, "read request units", f"{_AWS}/dynamodb/pricing/on-demand/")
TABLE_STORAGE = Price(0.25, 1, "GB-month of the table", f"{_AWS}/dynamodb/pricing/on-demand/")
RECOVERY = Price(0.20, 1, "GB-month of point-in-time recovery", f"{_AWS}/dynamodb/pricing/on-demand/")
TRANSITION = Price(25.00, 1e6, "state transitions (Standard)", f"{_AWS}/step-functions/pricing/")
EXPRESS = Price(1.00, 1e6, "requests (Express)", f"{_AWS}/step-functions/pricing/")
EXPRESS_TIME = Price(0.00001667, 1, "GB-second (Express, steps of 64 MB)", f"{_AWS}/step-functions/pricing/")
QUEUE = Price(0.40, 1e6, "requests (SQS)", f"{_AWS}/sqs/pricing/")
DURABLE = Price(8.00, 1e6, "durable operations", f"{_AWS}/lambda/pricing/")
DURABLE_WRITTEN = Price(0.25, 1, "GB written by durable functions", f"{_AWS}/lambda/pricing/")
DURABLE_STORAGE = Price(0.15, 1, "GB-month of durable functions", f"{_AWS}/lambda/pricing/")
LOGS = Price(0.50, 1, "GB of logs", f"{_AWS}/cloudwatch/pricing/")
LOG_STORAGE = Price(0.03, 1, "GB-month of logs", f"{_AWS}/cloudwatch/pricing/")

ALL = (
    *(GATEWAY, INVOCATION, COMPUTE, WRITE, READ_UNIT, TABLE_STORAGE, RECOVERY, TRANSITION, EXPRESS, EXPRESS_TIME),
    *(QUEUE, DURABLE, DURABLE_WRITTEN, DURABLE_STORAGE, LOGS, LOG_STORAGE),
)
