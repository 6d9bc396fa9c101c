"""The report command: the README's tables, the amounts and the plot from the measured results."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from refiner.commands.values import say, to_options
from refiner.types import InputError


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What `python -m refiner report` writes; `check` only says whether the README matches."""

    results: Path = Path("assets/results")
    readme: Path = Path("README.md")
    plot: Path | None = None
    check: bool = False


def add_report(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `ReportOptions`."""
    parser.add_argument("--results", type=Path)
    parser.add_argument("--readme", type=Path)
    parser.add_argument(
        "--plot", type=Path, metavar="FILE.svg", help="also draw scores over points"
    )
    parser.add_argument("--check", action="store_true", help="only say whether they match")
    parser.set_defaults(run=_run)


def _run(flags: argparse.Namespace) -> None:
    from refiner.evaluation.report.readme import plot, update_readme

    options = to_options(ReportOptions, flags)
    changed = update_readme(options.readme, options.results, check=options.check)
    if changed and options.check:
        raise InputError(f"The tables of {options.readme} are old; run 'python -m refiner report'.")
    say(f"{options.readme}: {'updated' if changed else 'up to date'}")
    if options.plot is not None:
        plot(options.results, options.plot)
        say(f"Wrote {options.plot}")
