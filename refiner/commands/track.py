"""The track command: a clip and prompts in, both models' masks on every frame out."""

from __future__ import annotations

import argparse
import os
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from refiner.batch.jobs import Job, Work
from refiner.batch.results import ResultFolder, bytes_of, content_key
from refiner.clips.clip import Clip, open_clip
from refiner.clips.exports import EXPORTS, export_path, write_exports
from refiner.clips.folders import find_clips, holds_clips
from refiner.clips.mask_exports import ClipExport
from refiner.commands.folders.run import FolderReport, folder_summary, work_through
from refiner.commands.folders.workers import (
    HERE_ALONE,
    WorkerOptions,
    add_worker_options,
    check_folder,
)
from refiner.commands.values import (
    Moment,
    add_model_options,
    load_models,
    make_folder,
    parse_frame_box,
    parse_frame_click,
    parse_moment,
    parse_names,
    say,
    to_options,
)
from refiner.files.run_lengths import PackedPair
from refiner.types import Box, Click, InputError
from refiner.video_types import FramePrompts, Frames, TrackedFrame, Tracker, gather_prompts

DEFAULT_EXPORTS = ("comparison", "masks", "rle")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A click or a box on one frame of the clip, for one object."""

    frame: int
    object_id: int
    given: Click | Box


@dataclass(frozen=True, slots=True)
class TrackOptions:
    """What `python -m refiner track` does.

    Attributes:
        video: a video file, an animated picture or a folder of frames; or a folder of clips, which
            all get the same prompts.
        prompts: their frames are counted in the whole clip.
        out: the folder for the results.
        exports: some of `exports.EXPORTS`.
        progress: whether to show how far it is.
        start: the first frame to track and export; the clip's first if None.
        stop: the frame after the last; the clip's end if None.
        fast: whether the tracker was loaded with quarters of half size.
        first_prompt: whether it was loaded to show the first points on every frame.
    """

    video: Path
    prompts: tuple[Prompt, ...]
    out: Path
    exports: tuple[str, ...] = DEFAULT_EXPORTS
    progress: bool = True
    start: Moment | None = None
    stop: Moment | None = None
    fast: bool = False
    first_prompt: bool = False


def add_track(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `TrackOptions` and the tracker's."""
    parser.add_argument(
        "video", type=Path, help="a video, an animated GIF or WebP, a folder of frames or of clips"
    )
    parser.add_argument(
        "--prompt",
        action="append",
        default=[],
        type=parse_frame_click,
        metavar="[OBJECT@]FRAME:X,Y[,-]",
    )
    parser.add_argument(
        "--box",
        action="append",
        default=[],
        type=parse_frame_box,
        metavar="[OBJECT@]FRAME:X0,Y0,X1,Y1",
    )
    parser.add_argument(
        "--start", type=parse_moment, metavar="FRAME|SECONDSs", help="the first frame to track"
    )
    parser.add_argument(
        "--stop", type=parse_moment, metavar="FRAME|SECONDSs", help="the frame after the last"
    )
    parser.add_argument(
        "--export",
        type=parse_names,
        dest="exports",
        metavar="NAMES",
        help="of comparison, overlay-sam2, masks, rle, ...",
    )
    parser.add_argument("--fast", action="store_true", default=False, help="quarters of half size")
    parser.add_argument(
        "--first-prompt",
        action="store_true",
        default=False,
        help="show the first frame's points on every frame, as the paper does",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    add_model_options(parser)
    add_worker_options(parser)
    parser.set_defaults(run=_run)


def _run(flags: argparse.Namespace) -> int:
    """Return 1 if a clip of a folder had to be left out."""
    # clicks before boxes: the order of the objects decides the last bits of a batch
    flags.prompts = [Prompt(*prompt) for prompt in (*flags.prompt, *flags.box)]
    options, workers = to_options(TrackOptions, flags), to_options(WorkerOptions, flags)
    if not holds_clips(options.video):
        check_folder(options.video, workers)
        say("\n".join(f"Wrote {path}" for path in track_clip(partial(_load, flags), options)))
        return 0
    report = track_folder(partial(_load, flags), options, workers)
    say("\n".join(folder_summary(report, options.out, "clip")))
    return 1 if report.failed else 0


def _load(flags: argparse.Namespace) -> Tracker:
    from refiner.predict.tracker import load_tracker

    return load_tracker(load_models(flags), fast=flags.fast, first_prompt=flags.first_prompt)


def track_clip(
    load: Callable[[], Tracker],
    options: TrackOptions,
    tell: Callable[[str], None] | None = None,
) -> list[Path]:
    """Track as the options say; return the files written.

    Ctrl-C leaves finished files with the frames until there.

    Args:
        load: gives the model, once the clip and the prompts are known to be good.
        options: what to do.
        tell: takes what is shown otherwise than the file has it, a sentence each; stderr if None.

    Raises:
        InputError: the clip, a prompt or an export cannot be used.
    """
    prompts = _prompts(options)
    options.out.mkdir(parents=True, exist_ok=True)
    with open_clip(options.video) as whole:
        span = range(
            _frame(whole, options.start, 0, ceil=False),
            _frame(whole, options.stop, len(whole), ceil=True),
        )
        clip = whole.part(span.start, span.stop)
        for item in prompts:
            if item.frame not in span:
                raise InputError(
                    f"There is a prompt on frame {item.frame}, but of {options.video} the frames "
                    f"{span.start} to {span.stop - 1} are tracked; prompt one of those."
                )
            item.prompts.check(clip.info.size_hw)
        prompts = [replace(item, frame=item.frame - span.start) for item in prompts]
        for note in clip.info.notes:
            (tell or _tell)(note)
        tracker = load()
        objects = sorted({item.object_id for item in prompts})
        job = ClipExport(clip, objects, tracker.info, clip_name(options.video))
        paths = [export_path(options.out, job, name) for name in options.exports]
        steps = write_exports(job, ascending(tracker, clip, prompts), options.exports, options.out)
        with clip:
            for _ in tqdm(steps, total=len(clip), unit="frame", disable=not options.progress):
                pass
    return paths


def track_folder(
    load: Callable[[], Tracker],
    options: TrackOptions,
    workers: WorkerOptions = HERE_ALONE,
) -> FolderReport:
    """Track every clip of a folder, and of those in it, the longest first.

    Their files lie below `options.out` as the clips do below their folder. What is there already,
    of the same clip, weights and options, stays; a clip that cannot be tracked is left out.

    Args:
        load: gives the model.
        options: what to do with each.
        workers: who does it.

    Raises:
        InputError: there is no clip, a prompt or an export cannot be used, or the model cannot be
            loaded.
    """
    _prompts(options)
    found = find_clips(options.video, (options.out,))
    jobs = [Job(str(clip), clip, bytes_of(options.video / clip)) for clip in found.clips]
    make_folder(options.out)
    report = work_through(
        partial(_clip_work, load, options), jobs, options.out, workers, "B", options.progress
    )
    return replace(report, others=[f"{path}: no clip" for path in found.others])


def _clip_work(load: Callable[[], Tracker], options: TrackOptions) -> Work:
    tracker, results = load(), ResultFolder(options.out)
    by_the_way = {"video": Path(), "out": Path(), "progress": False}
    settings = asdict(replace(options, **by_the_way))  # type: ignore[arg-type]

    def track(clip: Path) -> tuple[list[str], bool]:
        video = options.video / clip

        def make(folder: Path) -> list[str]:
            notes: list[str] = []
            own = replace(options, video=video, out=folder / clip.parent, progress=False)
            track_clip(lambda: tracker, own, notes.append)
            return notes

        return results.once(str(clip), content_key([video], tracker.info, settings), make)

    return Work(track, tracker.info)


def _prompts(options: TrackOptions) -> list[FramePrompts]:
    """Return the prompts if they and the exports can be used at all."""
    unknown = [name for name in options.exports if name not in EXPORTS]
    if unknown:
        raise InputError(f"There is no export {unknown[0]!r}; choose of {', '.join(EXPORTS)}.")
    return collect(options.prompts)


def _tell(note: str) -> None:
    tqdm.write(note, file=sys.stderr)


def clip_name(video: Path) -> str:
    """Return what a clip's files are called: its name, and its kind unless that is MP4.

    So clips of one folder never share a file: clip.mp4, clip.mov and the frames in clip/.
    """
    path = Path(os.path.abspath(video))
    kind = "frames" if path.is_dir() else path.suffix[1:] or "clip"
    if kind.lower() == "mp4":
        return path.stem
    return f"{path.name if path.is_dir() else path.stem}-{kind}"


def _frame(clip: Clip, moment: Moment | None, otherwise: int, *, ceil: bool) -> int:
    """Return the frame shown at a moment, or the next if it is between two and `ceil`."""
    if moment is None:
        return otherwise
    if not moment.in_seconds:
        return int(moment.number)
    times = [clip.timing.seconds(index) for index in range(len(clip))]
    if ceil:
        return bisect_left(times, moment.number)
    return max(0, bisect_right(times, moment.number) - 1)


def collect(prompts: Sequence[Prompt]) -> list[FramePrompts]:
    """Put the clicks and the box of each object and frame together.

    Raises:
        InputError: there are no prompts, or two boxes for one object on one frame.
    """
    if not prompts:
        raise InputError("Say what to track with --prompt FRAME:X,Y or --box FRAME:X0,Y0,X1,Y1.")
    return gather_prompts((item.frame, item.object_id, item.given) for item in prompts)


def ascending(
    tracker: Tracker, frames: Frames, prompts: Sequence[FramePrompts]
) -> Iterator[TrackedFrame]:
    """Yield all frames from the first to the last.

    Those before the first prompted frame are tracked backwards and kept as run lengths meanwhile.
    """
    start = min(item.frame for item in prompts)
    before = tracker.track(frames, prompts, until=start) if start else ()
    kept = {
        item.index: {key: PackedPair.of(pair) for key, pair in item.objects.items()}
        for item in before
    }
    for index in sorted(kept):
        yield TrackedFrame(index, {key: pair.masks() for key, pair in kept[index].items()})
    yield from tracker.track(frames, prompts, since=start)
