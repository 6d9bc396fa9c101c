"""The command line: python -m refiner VERB, and its options."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable, Sequence
from pkgutil import resolve_name
from typing import NoReturn

from refiner.types import InputError

VERBS = {
    "segment": (
        "refiner.commands.segment:add_segment",
        "segment one object of a picture with both models",
    ),
    "refine": (
        "refiner.commands.refine:add_refine",
        "refine masks of any tool with SAM2Refiner",
    ),
    "replay": (
        "refiner.commands.replay:add_replay",
        "make the masks of a session file again and compare",
    ),
    "track": (
        "refiner.commands.track:add_track",
        "track objects through a clip with both models",
    ),
    "evaluate": (
        "refiner.commands.evaluate:add_evaluate",
        "measure models on a manifest or a published set",
    ),
    "report": (
        "refiner.commands.report:add_report",
        "write the README's tables from the measured results",
    ),
    "train": (
        "refiner.commands.train:add_train",
        "train the embedded base, its memory, a refiner or the HQ-SAM2 baseline",
    ),
    "average": (
        "refiner.commands.average:add_average",
        "average the weights of several runs of one model",
    ),
    "bench": ("refiner.commands.bench:add_bench", "measure speed and memory"),
}
"""What describes the options of each verb, and its help. Only that of the verb asked for is
imported: some need torch, which takes seconds."""


class Parser(argparse.ArgumentParser):
    """Ends with one line and exit code 2 on a bad command line."""

    def error(self, message: str) -> NoReturn:
        """Print the message on one line and exit."""
        sys.stderr.write(f"{self.prog}: {message}; see --help.\n")
        sys.exit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code, 2 for bad input."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    flags = build_parser(arguments[:1]).parse_args(arguments)
    flags.command = shlex.join(["python", "-m", "refiner", *arguments])
    try:
        return flags.run(flags) or 0
    except InputError as error:
        sys.stderr.write(f"refiner {flags.verb}: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        return 130


def build_parser(verbs: Iterable[str] = tuple(VERBS)) -> Parser:
    """Describe every verb, and the options of `verbs`."""
    parser = Parser(prog="refiner", description="SAM2 and SAM2Refiner on the command line.")
    parts = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, (place, help_line) in VERBS.items():
        # flags not given are absent, so that the defaults are spelled in the verb's record alone
        part = parts.add_parser(verb, help=help_line, argument_default=argparse.SUPPRESS)
        if verb in verbs:
            resolve_name(place)(part)
    return parser
