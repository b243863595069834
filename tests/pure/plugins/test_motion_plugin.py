"""The plugin `motion` on two photographs of a launch pad, and on generated frames."""

import io
from collections.abc import Callable, Mapping
from typing import Any

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import ImageChops, ImageDraw

from interlock_plugins import motion
from interlock_plugins._regions import connected
from interlock_plugins.motion import Motion

type Run = Callable[..., Any]
type Encode = Callable[..., bytes]
type Edges = tuple[int, int, int, int]

# The old and the new position of the rocket (tests/images/README.md).
MOVED_FROM, MOVED_TO = (152, 60, 170, 160), (176, 60, 194, 160)


def edges(box: Mapping[str, int]) -> Edges:
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def overlap(one: Edges, other: Edges) -> float:
    """Return the intersection over union of two boxes."""

    def area(box: Edges) -> int:
        return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)

    common = area((max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])))
    return common / (area(one) + area(other) - common)


def frame(*boxes: Edges, size: tuple[int, int] = (640, 480)) -> PIL.Image.Image:
    """Return a frame with light boxes on a dark background."""
    image = PIL.Image.new("RGB", size, "#202020")
    for box in boxes:
        ImageDraw.Draw(image).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill="#c0c0c0")
    return image


def test_old_and_new_position_of_an_object_are_reported(run: Run, image_file: Run) -> None:
    result = run(Motion, "compare", before=image_file("frame-1.png"), after=image_file("frame-2.png"))
    assert result["moving"] is True
    assert len(result["regions"]) == 2
    for place in (MOVED_FROM, MOVED_TO):
        assert max(overlap(edges(region["box"]), place) for region in result["regions"]) > 0.7
    assert result["score"] == pytest.approx(2 * 18 * 100 / (320 * 214), rel=0.3)


def test_order_of_the_frames_does_not_matter(run: Run, image_file: Run) -> None:
    one, other = image_file("frame-1.png"), image_file("frame-2.png")
    assert run(Motion, "compare", before=one, after=other) == run(Motion, "compare", before=other, after=one)


@pytest.mark.parametrize("name", ["frame-1.png", "astronaut.png", "page.png"])
@pytest.mark.parametrize("threshold", [0, 0.1])
def test_equal_frames_have_no_motion(name: str, threshold: float, run: Run, image_file: Run) -> None:
    result = run(Motion, "compare", before=image_file(name), after=image_file(name), threshold=threshold, min_area=0)
    assert result == {"score": 0, "moving": False, "regions": []}


@pytest.mark.parametrize("quality", [75, 90])
@pytest.mark.parametrize("name", ["frame-1.png", "astronaut.png", "page.png"])
def test_other_encoding_of_the_same_frame_is_no_motion(
    name: str, quality: int, run: Run, image_file: Run, encoded: Encode
) -> None:
    with PIL.Image.open(io.BytesIO(image_file(name))) as image:
        again = encoded(image, "JPEG", quality=quality)
    assert run(Motion, "compare", before=image_file(name), after=again)["moving"] is False


def test_completely_different_frames_are_one_region(run: Run, encoded: Encode) -> None:
    black, white = (encoded(PIL.Image.new("L", (123, 77), color)) for color in ("black", "white"))
    assert run(Motion, "compare", before=black, after=white) == {
        "score": 1,
        "moving": True,
        "regions": [{"box": {"x": 0, "y": 0, "width": 123, "height": 77}, "area_share": 1}],
    }


@pytest.mark.parametrize("size", [(160, 120), (640, 480), (1920, 1080), (3840, 2160)])
def test_each_object_is_found_at_any_resolution(size: tuple[int, int], run: Run, encoded: Encode) -> None:
    unit = size[0] // 32
    small = (20 * unit, 2 * unit, 23 * unit, 5 * unit)
    large = (2 * unit, 10 * unit, 8 * unit, 14 * unit)
    result = run(Motion, "compare", before=encoded(frame(size=size)), after=encoded(frame(large, small, size=size)))
    for region, place in zip(result["regions"], (large, small), strict=True):
        assert overlap(edges(region["box"]), place) > 0.85
    pixels = size[0] * size[1]
    assert result["regions"][0]["area_share"] == pytest.approx(24 * unit**2 / pixels, rel=0.15)
    assert result["score"] == pytest.approx(33 * unit**2 / pixels, rel=0.15)
    assert result["score"] == pytest.approx(sum(region["area_share"] for region in result["regions"]), abs=1e-5)


def test_change_of_color_at_equal_brightness_is_motion(run: Run, encoded: Encode) -> None:
    red, green = PIL.Image.new("RGB", (64, 64), (255, 0, 0)), PIL.Image.new("RGB", (64, 64), (0, 130, 0))
    assert ImageChops.difference(red.convert("L"), green.convert("L")).getextrema() == (0, 0)
    assert run(Motion, "compare", before=encoded(red), after=encoded(green))["score"] == 1


def test_threshold_is_a_share_of_the_full_scale(run: Run, encoded: Encode) -> None:
    files = {level: encoded(PIL.Image.new("L", (64, 64), level)) for level in (100, 120, 200)}
    for level, threshold, moving in ((120, 0.07, True), (120, 0.08, False), (200, 0.39, True), (200, 0.4, False)):
        result = run(Motion, "compare", before=files[100], after=files[level], threshold=threshold)
        assert result["moving"] is moving


def test_min_area_is_a_share_of_the_frame(run: Run, encoded: Encode) -> None:
    still, moved = encoded(frame()), encoded(frame((100, 100, 164, 148)))  # 1 % of the frame
    for min_area, moving in ((0.008, True), (0.013, False)):
        result = run(Motion, "compare", before=still, after=moved, min_area=min_area)
        assert result["moving"] is moving
        assert (result["score"] > 0) is moving


def test_single_noisy_pixels_are_no_motion(run: Run, encoded: Encode) -> None:
    noisy = frame()
    for n in range(200):
        noisy.putpixel((n * 7919 % 640, n * 104_729 % 480), (255, 255, 255))
    assert run(Motion, "compare", before=encoded(frame()), after=encoded(noisy))["moving"] is False


def test_speck_smaller_than_a_cell_is_no_motion(run: Run, encoded: Encode) -> None:
    size = (3840, 2160)  # a cell has 30 x 30 pixels, and the speck 12 x 12
    still, moved = (encoded(frame(*boxes, size=size), compress_level=1) for boxes in ((), [(369, 369, 381, 381)]))
    assert run(Motion, "compare", before=still, after=moved, min_area=0)["moving"] is False


@pytest.mark.parametrize("size", [(640, 479), (480, 640), (1, 1)])
def test_frames_of_different_sizes_are_refused(size: tuple[int, int], refusal: Run, encoded: Encode) -> None:
    problem = refusal(Motion, "compare", before=encoded(frame()), after=encoded(frame(size=size)))
    assert problem["path"] == "/after"
    assert f"{size[0]} x {size[1]}" in problem["message"]
    assert "640 x 480" in problem["message"]


@pytest.mark.parametrize(
    ("field", "value"), [("threshold", 1), ("threshold", -0.1), ("min_area", 1.1), ("min_area", "big")]
)
def test_requested_sizes_are_bounded(field: str, value: object, refusal: Run, image_file: Run) -> None:
    file = image_file("frame-1.png")
    assert refusal(Motion, "compare", before=file, after=file, **{field: value})["path"] == f"/{field}"


def test_4k_frame_is_searched_in_as_many_cells_as_a_small_one(
    run: Run, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[int] = []

    def recorded(cells: Any) -> Any:
        searched.append(cells.size)
        return connected(cells)

    monkeypatch.setattr(motion, "connected", recorded)
    cells = [(x, y, x + 30, y + 30) for x in range(0, 3840, 90) for y in range(0, 2160, 90)]
    still, moved = (encoded(frame(*boxes, size=(3840, 2160)), compress_level=1) for boxes in ((), cells))
    result = run(Motion, "compare", before=still, after=moved, min_area=0)
    assert searched == [128 * 72]
    assert len(result["regions"]) == len(cells)


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_regions_are_a_partition_into_connected_areas(mask: Any) -> None:
    areas = list(connected(mask))
    cells = [cell for area in areas for cell in area]
    assert len(cells) == len(set(cells)) == mask.sum()
    assert all(mask[cell] for cell in cells)
    for n, area in enumerate(areas):
        reached, border = {area[0]}, [area[0]]
        while border:
            row, column = border.pop()
            near = {cell for cell in area if max(abs(cell[0] - row), abs(cell[1] - column)) == 1} - reached
            reached |= near
            border += near
        assert reached == set(area), "an area is not connected"
        for other in areas[:n]:
            assert all(max(abs(a[0] - b[0]), abs(a[1] - b[1])) > 1 for a in area for b in other), "two areas touch"
