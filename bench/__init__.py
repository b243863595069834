"""Measure what Interlock costs: time, instructions, requests and units, beside functions written without it."""
