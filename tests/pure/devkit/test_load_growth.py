"""The growth of a stack under load is judged after the warm-up, by medians."""

import pytest

from tests.load.growth import BOUNDS, growths
from tests.load.usage import Usage


def used(processes: int) -> Usage:
    return Usage(processes=processes, memory_mb=500.0, first_descriptors=20, first_memory_mb=100.0)


def problems(*processes: int) -> list[str]:
    return [one.problem for one in growths([used(count) for count in processes]) if one.problem]


def test_growth_of_the_warm_up_is_allowed() -> None:
    assert problems(10, 30, 50, 50, 50, 50, 50, 50) == []


def test_growth_up_to_its_bound_is_allowed() -> None:
    assert problems(50, 50, 51, 50 + int(BOUNDS["processes"])) == []


def test_growth_over_its_bound_is_a_problem() -> None:
    found = "processes grew by 5 after the warm-up, and may grow by 4"
    assert problems(50, 50, 51, 51 + int(BOUNDS["processes"])) == [found]


def test_a_single_high_sample_is_no_growth() -> None:
    assert problems(*[50] * 14, 90, 50) == []


@pytest.mark.parametrize("name", BOUNDS)
def test_each_figure_has_its_growth(name: str) -> None:
    [one] = [one for one in growths([used(50)] * 4) if one.name == name]
    assert (one.grown, len(one.quarters)) == (0, 4)
