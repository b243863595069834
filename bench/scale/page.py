"""Compute the tables of docs/scale.md: `python -m bench.scale.page` writes all except the simulation's table.

`make scale` also writes the simulation's table. A table is between `<!-- scale: NAME -->` and `<!-- end -->`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from bench.scale import batches, costs, limits, prices, quotas
from bench.scale.jobs import ASYNC, KINDS, LONG, SHORT
from bench.scale.prices import Price
from bench.scale.quotas import DEFAULTS, RAISED, SETTINGS, Quota

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scale.md"
RATES = (1, 10, 100, 1_000, 10_000)
_SECTION = re.compile(r"(<!-- scale: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

type Rows = Iterable[Iterable[object]]


def table(header: Iterable[str], rows: Rows) -> str:
    """Return a Markdown table."""
    names = list(header)
    lines = [names, ["---"] * len(names), *([str(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def amount(value: float) -> str:
    """Return a rate or a quota with three significant digits."""
    if value >= 1_000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"


def _usd(value: float) -> str:
    return f"{value:.2f}" if value else "-"


def _name(source: str) -> str:
    return f"[{source.rstrip('/').split('/')[-1].removesuffix('.html')}]({source})"


def published() -> str:
    """Return the published limits."""

    def row(quota: Quota) -> tuple[str, ...]:
        burst = "" if quota.burst is None else f", burst {amount(quota.burst)}"
        return quota.name, f"{amount(quota.value)} {quota.unit}{burst}", quota.raised_by, _name(quota.source)

    return table(("limit", "default", "raised by", "source"), map(row, quotas.PUBLISHED))


def profiles() -> str:
    """Return what one job of each kind needs."""
    rows: list[list[object]] = [
        ["time of the tool", *(f"{kind.tool_s:g} s" for kind in KINDS)],
        ["requests to the gateway", *(kind.requests for kind in KINDS)],
        [
            "environments per job a second",
            *(f"{sum(one.occupied_s for one in kind.invocations):.2f}" for kind in KINDS),
        ],
        ["writes of the item", *(f"{kind.steps} and {kind.heartbeats} heartbeats" for kind in KINDS)],
        ["indexes of a write", *(kind.indexes for kind in KINDS)],
        ["write units without heartbeats", *(kind.units for kind in KINDS)],
        ["read units", *(kind.reads for kind in KINDS)],
    ]
    return table(("one job", *(kind.name for kind in KINDS)), rows)


def arithmetic() -> str:
    """Return the rate at which each limit is met with the defaults."""
    found = [{limit.name: limit for limit in limits.limits(kind, DEFAULTS)} for kind in KINDS]
    every = sorted(found[-1].values(), key=lambda limit: limit.rate)
    lowest = [limits.first(kind, DEFAULTS).name for kind in KINDS]

    def cell(name: str, column: int) -> str:
        if name not in found[column]:
            return "-"
        text = amount(found[column][name].rate)
        return f"**{text}**" if name == lowest[column] else text

    rows = ([one.name, *(cell(one.name, n) for n in range(3)), one.beyond, one.raised_by] for one in every)
    return table(("limit", *(kind.name for kind in KINDS), "beyond it", "raised by"), rows)


def first_limits() -> str:
    """Return the first limit of each kind in each setting, with the next two."""
    rows = []
    for setting in SETTINGS:
        for kind in KINDS:
            texts = [f"{limit.name} {amount(limit.rate)}" for limit in limits.limits(kind, setting)[:3]]
            rows.append((setting.name, kind.name, *texts))
    return table(("setting", "job", "first limit", "second", "third"), rows)


def price_list() -> str:
    """Return the prices."""

    def row(price: Price) -> tuple[str, ...]:
        usd = f"{price.usd:.10f}".rstrip("0")
        text = max(usd, f"{price.usd:.2f}", key=len)
        return price.unit, f"${text} per million" if price.per > 1 else f"${text}", f"[page]({price.source})"

    return table(("unit", "price", "source"), map(row, prices.ALL))


def cost() -> str:
    """Return the cost of a million jobs by part, before and after."""
    columns = [costs.parts(kind, before=before) for kind in KINDS for before in (True, False)]
    names = [f"{kind.name}, {era}" for kind in KINDS for era in ("before", "now")]
    rows: list[list[object]] = [[part, *(_usd(column[part]) for column in columns)] for part in columns[0]]
    rows.append(["**sum**", *(f"**{sum(column.values()):.2f}**" for column in columns)])
    return table(("part", *names), rows)


def counters() -> str:
    """Return the write units of counters that one job causes at different rates."""
    few, many = (f"{setting.partitions} partitions" for setting in (DEFAULTS, RAISED))
    rows = [
        [
            f"{amount(rate)}/s",
            *(f"{costs.counter_share(kind, rate, of):.3f}" for of in (DEFAULTS, RAISED) for kind in KINDS),
        ]
        for rate in (0.01, *RATES)
    ]
    names = [f"{kind.name}, {of}" for of in (few, many) for kind in KINDS]
    return table(("jobs of one tool", *names), rows)


def states() -> str:
    """Return the write units of published states that one job causes at different rates."""
    rates = (0.01, 0.1, 0.5, 1, 10)
    rows = [[f"{amount(rate)}/s", *(f"{costs.state_share(kind, rate):.3f}" for kind in KINDS)] for rate in rates]
    return table(("jobs of one tool", *(kind.name for kind in KINDS)), rows)


_WAYS: Mapping[str, tuple[str, str, str, str]] = {
    "Step Functions Standard": ("300/s", "StopExecution", "once for each name", "1 year"),
    "Step Functions Express": ("6,000/s", "no", "at least once", "5 minutes"),
    "SQS and Lambda": ("1,000 batches at a time, 300 more a minute", "no", "at least once", "15 minutes"),
    "Lambda, asynchronous invocation": ("no separate limit", "no", "at least once", "15 minutes"),
    "Lambda durable function": ("300/s", "StopDurableExecution", "not confirmed", "1 year, 15 minutes a step"),
}


def ways() -> str:
    """Return the ways to run a job asynchronously beside each other."""
    rest = sum(costs.parts(ASYNC).values()) - costs.starting()["Step Functions Standard"]
    rows = [
        (name, _usd(usd), f"{rest + usd:.2f}", *_WAYS[name])  # the rest of the job is the same for all
        for name, usd in costs.starting().items()
    ]
    return table(("way", "$ per million", "whole job", "starts", "stopped by", "delivery", "longest"), rows)


def webhooks() -> str:
    """Return the cost of a million messages of webhooks by part."""
    found = costs.delivery()
    rows: list[list[object]] = [[part, _usd(usd)] for part, usd in found.items()]
    rows.append(["**sum**", f"**{sum(found.values()):.2f}**"])
    return table(("part", "$ per million messages"), rows)


def batch_costs() -> str:
    """Return the cost of a million items by part, for each way to run them."""
    found = {name: make() for name, (make, _) in batches.WAYS.items()}
    rows: list[list[object]] = [
        [part, *(_usd(usd.get(part, 0)) for usd in found.values())] for part in found["batches"]
    ]
    rows.append(["**sum**", *(f"**{sum(usd.values()):.2f}**" for usd in found.values())])
    return table(("part", *found), rows)


def batch_times() -> str:
    """Return cost and time of ten thousand and of a million items."""
    rows: list[list[object]] = []
    for items in batches.ITEMS:
        for name, (make, seconds) in batches.WAYS.items():
            rows.append([f"{items:,}", name, f"{sum(make().values()) * items / costs.JOBS:.2f}", _time(seconds(items))])
        slow = batches.batches_s(items, batches.DEFAULT_CONCURRENCY)
        usd = sum(batches.as_batches().values()) * items / costs.JOBS
        rows.append(
            [f"{items:,}", f"batches, {batches.DEFAULT_CONCURRENCY} items of each at a time", f"{usd:.2f}", _time(slow)]
        )
    return table(("items", "way", "$", "time"), rows)


def _time(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def shares() -> Mapping[str, str]:
    """Return figures that the page's prose quotes."""
    total = {kind.name: sum(costs.parts(kind).values()) for kind in KINDS}
    return {
        "short_writes": _usd(costs.parts(SHORT)["table writes"]),
        "short_writes_before": _usd(costs.parts(SHORT, before=True)["table writes"]),
        "long_time": f"{costs.parts(LONG)['Lambda, time'] / total[LONG.name]:.0%}",
        "workflow": f"{costs.parts(ASYNC)['workflow'] / total[ASYNC.name]:.0%}",
    }


def summary() -> str:
    """Return the sentences that quote computed figures."""
    quoted = shares()
    return (
        f"The table writes of a million short synchronous jobs cost ${quoted['short_writes']} instead of "
        f"${quoted['short_writes_before']}.\nLambda's time is {quoted['long_time']} of the cost of a long synchronous "
        f"job, and the workflow is {quoted['workflow']} of the cost of an asynchronous one.\n"
    )


TABLES: Mapping[str, Callable[[], str]] = {
    "published": published,
    "profiles": profiles,
    "arithmetic": arithmetic,
    "first": first_limits,
    "prices": price_list,
    "cost": cost,
    "summary": summary,
    "counters": counters,
    "states": states,
    "ways": ways,
    "webhooks": webhooks,
    "batch_costs": batch_costs,
    "batch_times": batch_times,
}


def computed() -> dict[str, str]:
    """Return all tables except the simulation's."""
    return {name: make() for name, make in TABLES.items()}


def drawn(text: str, texts: Mapping[str, str]) -> str:
    """Return a page with the given tables; sections that `texts` lacks stay as they are."""

    def replaced(match: re.Match[str]) -> str:
        start, name, end = match.groups()
        return f"{start}\n{texts[name]}\n{end}" if name in texts else match[0]

    return _SECTION.sub(replaced, text)


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(), computed()))
