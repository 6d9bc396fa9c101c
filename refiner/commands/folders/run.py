"""Every input of a folder once; what fails is told at the end and stops nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refiner.batch.jobs import Job, NewWork, with_progress
from refiner.batch.results import ResultFolder
from refiner.commands.folders.workers import WorkerOptions, open_pool


@dataclass(frozen=True, slots=True)
class FolderReport:
    """What became of the inputs of a folder.

    Attributes:
        values: what the work gave, by input.
        info: what the work says of itself.
        kept: inputs whose results were there already.
        failed: why there are none, by input.
        others: files that had no part.
    """

    values: Mapping[str, Any]
    info: Any
    kept: frozenset[str]
    failed: Mapping[str, str]
    others: Sequence[str] = ()


def work_through(
    new_work: NewWork,
    jobs: Sequence[Job],
    out: Path,
    workers: WorkerOptions,
    unit: str,
    progress: bool,
) -> FolderReport:
    """Do the jobs, whose work returns what `ResultFolder.once` does.

    Args:
        new_work: gives the work.
        jobs: one for each input, of different names.
        out: the folder of the results.
        workers: who does them.
        unit: what the jobs' weights are counted in, for the progress on stderr.
        progress: whether to show it.

    Raises:
        InputError: the model cannot be loaded, the folder not be written, or there are no workers.
    """
    results = ResultFolder(out)
    results.clear()
    values: dict[str, Any] = {}
    kept, failed = set(), {}
    with open_pool(new_work, workers) as pool:
        info = pool.info
        for outcome in with_progress(pool.outcomes(jobs), jobs, unit, progress):
            name = outcome.job.name
            if outcome.error is not None:
                failed[name] = outcome.error
                continue
            values[name], made = outcome.value
            if not made:
                kept.add(name)
    results.finish()
    order = [job.name for job in jobs]
    return FolderReport(
        {name: values[name] for name in order if name in values},
        info,
        frozenset(kept),
        {name: failed[name] for name in order if name in failed},
    )


def folder_summary(report: FolderReport, out: Path, noun: str) -> Iterator[str]:
    """Say in lines what was written, what was there and what was left out.

    The values of the report are notices, a sentence each.
    """
    count = len(report.values)
    kept = f", {len(report.kept)} of them before" if report.kept else ""
    yield f"Wrote {out}: {count} {noun}{'s' * (count != 1)}{kept}"
    for name, notices in report.values.items():
        yield from (f"Notice: {name}: {notice}" for notice in notices)
    for name, reason in report.failed.items():
        yield f"Left out {name}: {reason}"
    for reason in report.others:
        yield f"Not used: {reason}"
