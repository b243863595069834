"""Tables and times that commands print."""

from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from interlock_dev.commands.remote.output import printable, table, when

ID = "01M8M30QS0GW4WWG25SYNYTCAM"


def shown(width: int, *rows: tuple[object, ...]) -> list[str]:
    console = Console(width=width, soft_wrap=True, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(table(("job", "n", "text"), rows))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_ids_stay_whole_in_a_narrow_terminal() -> None:
    lines = shown(50, (ID, 1, "a long text that has to be wrapped in a column"))
    assert lines[1].startswith(ID)
    assert len(lines) > 2


def test_numbers_are_aligned_and_missing_values_shown() -> None:
    assert shown(80, ("a", 5, "1.0.0"), ("b", None, ""), ("c", 123.4, "x")) == [
        "job    n  text", "a      5  1.0.0", "b      -  -", "c    123  x",
    ]  # fmt: skip


def test_control_characters_and_markup_are_shown_as_text() -> None:
    assert (
        shown(80, ("a\x1b[31m", 1, "[bold]x[/bold]\r"))[1]
        == "a\N{REPLACEMENT CHARACTER}[31m  1  [bold]x[/bold]\N{REPLACEMENT CHARACTER}"
    )
    assert printable("a\tb\nc\x00") == "a\tb\nc\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("ago", "text"),
    [(timedelta(seconds=-5), "0 s ago"), (timedelta(seconds=59), "59 s ago"), (timedelta(minutes=5), "5 min ago"),
     (timedelta(hours=3), "3 h ago"), (timedelta(days=2), "2 d ago")],
)  # fmt: skip
def test_time_is_shown_as_its_distance_from_now(ago: timedelta, text: str) -> None:
    moment = (datetime.now(UTC) - ago).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert when(moment) == text
    assert when(None) == "-"
