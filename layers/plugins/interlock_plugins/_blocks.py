"""Names and colors of the blocks that a picture can be built from."""

from collections.abc import Mapping
from types import MappingProxyType

BLOCKS: Mapping[str, str] = MappingProxyType(
    {
        # Wool: clear hues.
        "white_wool": "#f2f2ef",
        "light_gray_wool": "#a3a39c",
        "gray_wool": "#4a4d50",
        "black_wool": "#17171b",
        "red_wool": "#c4241f",
        "orange_wool": "#f08016",
        "yellow_wool": "#f9d027",
        "lime_wool": "#74c01a",
        "green_wool": "#4f7420",
        "cyan_wool": "#168f96",
        "light_blue_wool": "#41b3de",
        "blue_wool": "#2f36a6",
        "purple_wool": "#7e2cb4",
        "magenta_wool": "#c345b8",
        "pink_wool": "#f293b2",
        "brown_wool": "#74482a",
        # Clay: muted hues.
        "white_clay": "#d4b8a6",
        "red_clay": "#8f4032",
        "orange_clay": "#a65628",
        "yellow_clay": "#bd8a2b",
        "green_clay": "#4d5530",
        "blue_clay": "#4b3f5e",
        "pink_clay": "#a4524f",
        # Ground and wood.
        "stone": "#7e7e7e",
        "deepslate": "#333338",
        "sand": "#ded3a4",
        "sandstone": "#cfb989",
        "dirt": "#876144",
        "grass": "#6f9f45",
        "moss": "#5a6d2e",
        "oak_planks": "#a5844f",
        "birch_planks": "#c7b57d",
        "spruce_planks": "#6b4f2d",
        "bricks": "#985a4a",
        # Ores, ice and water.
        "gold": "#fbe04e",
        "emerald": "#2dca58",
        "diamond": "#68e4dd",
        "lapis": "#234b9c",
        "ice": "#93b8fb",
        "snow": "#fbfdff",
        "obsidian": "#110c1c",
        "water": "#2f61d6",
    }
)
"""Mean sRGB color of each block. To add a block, add a line."""
