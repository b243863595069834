"""Worker processes that are forked from templates: their start, the call after a cancel, and their memory."""

from collections.abc import Iterator

from bench.contestants import ROOT
from bench.rows import Row, of_rounds, ratios
from bench.run import Run
from bench.warm import inside

IMAGE = ROOT / "tests" / "images" / "page.png"


def rows(run: Run) -> Iterator[Row]:
    """Measure the start and the memory of worker processes, and calls of the shipped plugin `ocr`."""
    found = inside(run, "templates.py", str(run.rounds), str(IMAGE))
    yield of_rounds("worker process from a template of 60 MiB", found["fork_ms"], "ms", 8)
    bases = [call + fork for call, fork in zip(found["ocr_ms"], found["fork_ms"], strict=True)]
    after = ratios(found["after_cancel_ms"], bases)
    yield of_rounds("call of ocr after a cancel ÷ warm call and start of a process", after, "ratio", 1.5)
    memory = ratios(found["with_mb"], found["without_mb"])
    yield of_rounds("memory of four plugins with templates ÷ without", memory, "ratio", 1.3)
