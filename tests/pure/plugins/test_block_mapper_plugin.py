"""The plugin `block_mapper`: images of known colors are mapped to the blocks of these colors."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pytest

from interlock_plugins._blocks import BLOCKS
from interlock_plugins._oklab import nearest, oklab
from interlock_plugins.block_mapper import BlockMapper

type Run = Callable[..., Any]
type Encode = Callable[..., bytes]


@pytest.mark.parametrize("width", [1, 7, 32, 256])
def test_grid_has_the_reported_size_and_counts(width: int, run: Run, image_file: Run) -> None:
    result = run(BlockMapper, "analyze", image=image_file("astronaut.png"), width=width)
    assert (result["width"], result["height"]) == (width, width)
    assert [len(row) for row in result["blocks"]] == [width] * width
    assert result["counts"] == Counter(name for row in result["blocks"] for name in row)
    assert sum(result["counts"].values()) == width * width
    assert result["counts"].keys() <= BLOCKS.keys()
    assert list(result["counts"].values()) == sorted(result["counts"].values(), reverse=True)


@pytest.mark.parametrize(
    ("size", "asked", "expected"),
    [
        ((320, 214), {}, (32, 21)),
        ((200, 400), {"width": 10}, (10, 20)),
        ((200, 400), {"width": 10, "height": 3}, (10, 3)),
        ((2000, 1), {}, (32, 1)),
        ((1, 2000), {}, (32, 256)),
        ((2, 2), {"width": 9}, (9, 9)),
    ],
)
def test_default_height_keeps_the_proportions(
    size: tuple[int, int], asked: dict[str, int], expected: tuple[int, int], run: Run, encoded: Encode
) -> None:
    result = run(BlockMapper, "analyze", image=encoded(PIL.Image.new("RGB", size)), **asked)
    assert (result["width"], result["height"]) == expected
    assert sum(result["counts"].values()) == expected[0] * expected[1]


@pytest.mark.parametrize("name", BLOCKS)
def test_color_of_each_block_is_mapped_to_that_block(name: str, run: Run, encoded: Encode) -> None:
    result = run(BlockMapper, "analyze", image=encoded(PIL.Image.new("RGB", (40, 40), BLOCKS[name])), width=4)
    assert result["counts"] == {name: 16}
    assert result["blocks"] == [[name] * 4] * 4


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ("#ff0000", "red_wool"),
        ("#cc1111", "red_wool"),
        ("#ffffff", "snow"),
        ("#808080", "stone"),
        ("#ff8800", "orange_wool"),
        ("#88cc22", "lime_wool"),
        ("#2233aa", "blue_wool"),
        ("#ff99bb", "pink_wool"),
        ("#30cc60", "emerald"),
        ("#704020", "brown_wool"),
        ("#7a2ab0", "purple_wool"),
    ],
)
def test_other_colors_are_mapped_to_the_nearest_block(color: str, name: str, run: Run, encoded: Encode) -> None:
    result = run(BlockMapper, "analyze", image=encoded(PIL.Image.new("RGB", (9, 9), color)), width=3)
    assert result["counts"] == {name: 9}


def test_rows_are_ordered_from_the_top_and_blocks_from_the_left(run: Run, encoded: Encode) -> None:
    corners = ["red_wool", "lime_wool", "blue_wool", "sand"]
    picture = PIL.Image.new("RGB", (60, 40))
    for n, name in enumerate(corners):
        picture.paste(BLOCKS[name], (n % 2 * 30, n // 2 * 20, n % 2 * 30 + 30, n // 2 * 20 + 20))
    result = run(BlockMapper, "analyze", image=encoded(picture), width=2, height=2)
    assert result["blocks"] == [corners[:2], corners[2:]]


def test_block_has_the_mean_color_of_its_pixels(run: Run, encoded: Encode) -> None:
    checks = PIL.Image.fromarray(np.indices((64, 64)).sum(axis=0).astype(np.uint8) % 2 * 252)
    assert run(BlockMapper, "analyze", image=encoded(checks), width=8)["counts"] == {"stone": 64}


@pytest.mark.parametrize(
    ("field", "value"), [("width", 0), ("width", 257), ("height", 0), ("height", 257), ("width", "wide")]
)
def test_requested_sizes_are_bounded(field: str, value: object, refusal: Run, image_file: Run) -> None:
    problem = refusal(BlockMapper, "analyze", image=image_file("astronaut.png"), **{field: value})
    assert problem["path"] == f"/{field}"


def test_block_names_and_colors_are_unique_and_valid() -> None:
    assert len(BLOCKS) >= 24
    assert len(set(BLOCKS.values())) == len(BLOCKS)
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", name) for name in BLOCKS)
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in BLOCKS.values())


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        # Reference values of CSS Color 4, which adopts OKLab: `oklab()` of the named colors.
        ((255, 255, 255), (1.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 255, 0), (0.86644, -0.23389, 0.17950)),
        ((0, 0, 255), (0.45201, -0.03246, -0.31153)),
    ],
)
def test_oklab_matches_the_standard(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert oklab(rgb).tolist() == pytest.approx(lab, abs=2e-4)


def test_nearest_has_the_smallest_distance() -> None:
    random = np.random.default_rng(7)
    colors, palette = random.random((500, 3)), random.random((40, 3))
    expected = np.linalg.norm(colors[:, None] - palette[None], axis=2).argmin(axis=1)
    assert nearest(colors, palette).tolist() == expected.tolist()
