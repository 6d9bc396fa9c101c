"""Opens a clip for the video tab and for programs, within the limits."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from refiner.types import InputError
from refiner.video_types import FramePrompts, VideoInfo
from webapp.shared.examples import ClipSource
from webapp.shared.limits import Limits, check_spare
from webapp.video import text
from webapp.video.context import VideoStudio
from webapp.video.open_clips import ClipJob
from webapp.video.state import PromptRecord, VideoObject, VideoScene, VideoState


def refuse_large(file: Path, limits: Limits) -> None:
    """Delete an upload that is larger than a clip may be.

    Raises:
        InputError: it was.
    """
    most = limits.video_megabytes
    if file.stat().st_size > most * 1_000_000:
        file.unlink()
        raise InputError(text.VIDEO["too_large"].format(limit=most))


def new_job(
    studio: VideoStudio,
    owner: str,
    take: Callable[[Path], Path],
    label: str,
    example: ClipSource | None = None,
) -> ClipJob:
    """Open a clip; the store does not hold it yet.

    Args:
        studio: what to work with.
        owner: the visitor.
        take: is given the clip's own folder; returns its file.
        label: what to call it on the page.
        example: where it is from, unless it is the visitor's.

    Raises:
        InputError: it is no clip, or too large; or there is no room for it.
    """
    check_spare(studio.limits, studio.uploads.root)
    key, folder = studio.store.folder()
    try:
        whole = studio.open_clip(take(folder))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    clip = whole.part(long_side=studio.limits.video_long_side)
    info = clip.info
    scene = scene_of(example.prompts) if example else VideoScene()
    most = most_frames(info, studio.limits)
    return ClipJob(
        key=key,
        owner=owner,
        folder=folder,
        whole=whole,
        clip=clip,
        long_side=studio.limits.video_long_side,
        state=VideoState(scene=scene, clip_hw=info.size_hw, length=info.frames),
        span=range(min(info.frames, most)),
        label=label,
        licence=example.licence if example else "",
        notes=(*info.notes, *omissions(whole.info, info, most)),
        truth=example.truth if example else None,
    )


def omissions(whole: VideoInfo, worked: VideoInfo, most: int) -> list[str]:
    """Say what of a clip is left out, before any work."""
    notes = []
    if worked.frames > most:
        seconds = most / float(worked.fps)
        notes.append(text.CUT.format(most=most, seconds=seconds, all=worked.seconds))
    if whole.size_hw != worked.size_hw:
        sizes = (f"{size[1]}×{size[0]}" for size in (worked.size_hw, whole.size_hw))
        notes.append(text.SCALED.format(*sizes))
    return notes


def most_frames(info: VideoInfo, limits: Limits) -> int:
    """Return how many frames of a clip may be tracked."""
    return max(1, min(limits.video_frames, int(limits.video_seconds * info.fps)))


def scene_of(prompts: Sequence[FramePrompts]) -> VideoScene:
    """Return the scene in which these prompts were given, not answered yet."""
    frames: dict[int, dict[int, PromptRecord]] = {}
    for item in prompts:
        frames.setdefault(item.object_id, {})[item.frame] = PromptRecord(item.prompts)
    objects = tuple(
        VideoObject(key, slot, records)
        for slot, (key, records) in enumerate(sorted(frames.items()))
    )
    return VideoScene(objects, max(frames) + 1) if objects else VideoScene()
