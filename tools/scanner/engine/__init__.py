"""Parsing, name resolution, value flow, waivers and reports. Knows no rule."""
