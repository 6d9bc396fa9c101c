"""Every word of the video tab that the image tab has not."""

from __future__ import annotations

from webapp.shared.text import CANVAS, KEYS

VIDEO = {
    **CANVAS,
    "open": "Use your clip…",
    "open_hint": "Open a clip (MP4, MOV, WebM, MKV or AVI), or drop one here",
    "nothing_open": "Choose an example or open a clip.",
    "steps": "Steps",
    "step_click": "Click an object",
    "step_track": "Track",
    "step_fix": "Fix",
    "step_download": "Download",
    "caption": "overlap {j}, outline {f}",
    "caption_slider": "{model} · overlap {j}",
    "caption_hint": "Mean over the tracked masks, against the true ones: overlap is J (IoU), outline F, "
    "as DAVIS defines them",
    "clear": "Clear here",
    "clear_hint": "Remove this object's prompts on this frame (Shift+Del)",
    "stage": "The clip's current frame. Click what to track; press ? for keys.",
    "empty": "Click what you want to track, on any frame.",
    "prompted": "Now track it: both models follow it through the clip.",
    "offer": "This click starts a new mask here, which misleads the tracking.",
    "track_first": "Track to here first, then correct",
    "track_first_hint": "Tracks from the first click to this frame; then this click corrects the mask",
    "take_away": "Take the click away",
    "doubt_on": "From {from} on",
    "doubt_until": "From {from} to {until}",
    "doubt_masks": "{when} the two masks of {object} disagree; correct them there.",
    "doubt_gone": "{when} neither model sees {object}; if it is still there, click it there.",
    "doubt_truth": "{when} less than half of SAM2Refiner's mask of {object} is right; correct it there.",
    "go_to_doubt": "Go there",
    "go_to_doubt_hint": "Shows the first of these frames; a click where the mask is wrong corrects it",
    "worst": "Worst frames",
    "worst_frame": "Frame {frame}: {value} %",
    "worst_hint": "where the two models agree least",
    "worst_truth_hint": "where SAM2Refiner overlaps the true masks least",
    "worst_later": "After tracking the three worst frames stand here.",
    "fixable": "Click where a mask is wrong to fix it, or choose Download.",
    "sent_again": "The server did not hold your clip any more; it was sent again with your clicks and boxes. "
    "Track it again; the steps for undo are gone.",
    "too_large": "The clip is larger than {limit} MB; cut it shorter or compress it more.",
    "no_picture": "That is no clip; choose an MP4, MOV, WebM, MKV or AVI file.",
    "at_most": "One clip takes at most {limit} objects; remove one first.",
    "timeline": "Timeline",
    "play": "Play",
    "pause": "Pause",
    "play_hint": "Play or pause (P)",
    "back": "Previous frame (←; Shift: 10)",
    "on": "Next frame (→; Shift: 10)",
    "loop": "Loop",
    "loop_hint": "Start again at the end",
    "frame": "Frame",
    "frame_of": "{frame} of {last} · {seconds} s",
    "trim": "Part",
    "from": "From",
    "to": "to",
    "span_hint": "Only these frames are tracked and exported",
    "start_here": "Start at this frame",
    "stop_here": "Stop at this frame",
    "whole": "Whole clip",
    "part": "{count} of {frames} frames ({seconds} s) are tracked and exported; {cut} are left out.",
    "track": "Track",
    "track_more": "Go on tracking",
    "track_again": "Track again from frame {frame}",
    "tracked_all": "All tracked",
    "track_hint": "Track all objects with both models",
    "cancel": "Cancel",
    "cancelling": "Cancelling…",
    "cancelling_status": "Cancelling: the frame under way is ended first…",
    "estimate": "about {time} and {memory} MB for {frames}",
    "estimate_lent": "about {time} of your GPU time today and {memory} MB for {frames}",
    "one_frame": "1 frame",
    "frames": "{count} frames",
    "clip_facts": "{size} · {fps} fps · {frames} frames · {seconds} s",
    "with_sound": "with sound",
    "waiting": "Waiting for another clip ({ahead} ahead)…",
    "starting": "Starting…",
    "tracking": "{done} of {total} frames, {time} left",
    "writing": "Writing the file: {done} of {total} frames",
    "cancelled": "Cancelled; what is tracked is kept.",
    "stale": "Masks from frame {frame} on are from before your last change; track again to renew them.",
    "agreement_title": "Agreement of the two models (IoU), {object}",
    "agreement_hint": "Click a dip to go there",
    "scores_title": "{object}: overlap with the true mask, SAM2 (orange) and SAM2Refiner (blue); grey: how "
    "far the two agree",
    "agreement_here": "Agreement here",
    "j_here": "Overlap here (J)",
    "total_j": "Overlap (J)",
    "total_f": "Outline (F)",
    "total_jf": "Mean of both (J&F)",
    "scored": "Tracked masks scored",
    "both_models": "Both",
    "comparison": "Side by side",
    "comparison_format": "both models, MP4",
    "painted_format": "masks over the clip, MP4",
    "cutout_web": "Cut-out for the web",
    "cutout_web_format": "transparent, WebM (VP9)",
    "cutout_edit": "Cut-out for editing",
    "cutout_edit_format": "transparent, MOV (ProRes 4444)",
    "masks": "Masks",
    "masks_format": "a PNG a frame, ZIP",
    "rle": "Data for programs",
    "rle_format": "JSON (COCO RLE)",
}

CUT = (
    "Only the first {most} frames ({seconds:.1f} s of {all:.1f} s) are chosen; at most so many are "
    "tracked at once. Choose others below the timeline."
)
SCALED = "Worked at {}, scaled down from {}; exports have the full size."
TOO_LONG = "At most {most} frames ({seconds:.1f} s) are tracked at once; choose fewer."
NOTHING_PROMPTED = "There is nothing to track yet; click an object on one of the chosen frames."
ALL_TRACKED = "All chosen frames are tracked; change a prompt to track again."
NO_MASKS = "There is no mask yet; click an object or track first."
BUSY = "This clip is being worked on; wait for it or cancel it first."

VIDEO_KEYS = (
    ("← →, Shift+← →", "a frame, ten frames"),
    ("Home, End", "first and last chosen frame"),
    ("P", "play, pause"),
    *KEYS,
)
