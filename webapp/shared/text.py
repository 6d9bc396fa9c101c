"""Every word on the page; those of the compare tab are in `webapp.compare.text`."""

from __future__ import annotations

from refiner.config import LITE
from refiner.types import ModelInfo

TITLE = "SAM2Refiner Studio"
TAGLINE = "Same click, finer mask"
SKIP = "Skip to the picture"
DEMO_MODEL = "a small model for the demo, trained by this project"
PAPER = "https://arxiv.org/abs/2502.09660"
PROGRAMS = "From Python"
SPACE_CODE = "https://huggingface.co/spaces/{}/tree/main"
IMAGE_TAB = "Image"
VIDEO_TAB = "Video"
COMPARE_TAB = "Compare"
ABOUT_TAB = "About"

YOUR_PICTURE = "Your picture"
YOUR_CLIP = "Your clip"
EXAMPLE_TRUTH = "The example's exact mask."
UPLOADED_TRUTH = "The mask you uploaded."
BRUSHED_TRUTH = "The mask you brushed."
TOUCHED_TRUTH = {
    EXAMPLE_TRUTH: "The example's mask as you touched it up.",
    UPLOADED_TRUTH: "The mask you uploaded, as you touched it up.",
}
ALL_WAITING = "Very many visitors are waiting just now; try again in a moment. Nothing is lost."
OWN_WAITING = "You have asked for very much at once; wait until some of it is done."
PUT_AWAY = "{} was put away for others meanwhile; click, and it is loaded again."
FAILED = (
    "Something went wrong on the server; your picture and prompts are kept. Try again, or undo "
    "the last step."
)


def links(space: str | None) -> tuple[tuple[str, str], ...]:
    """Return names and addresses of the links in the heading, on a Hugging Face Space or not."""
    code = (("Code", SPACE_CODE.format(space)),) if space else ()
    return (("Paper", PAPER), *code)


def model_line(info: ModelInfo) -> str:
    """Say in a few words which model answers."""
    return f"{info.backbone}: {DEMO_MODEL}" if info.backbone == LITE else info.backbone


def loaded(info: ModelInfo) -> str:
    """Say in one line what is loaded, where it runs, and how it was trained."""
    return (
        f"{info.backbone} on {info.device} · SAM2: {info.base_weights} · "
        f"SAM2Refiner: {info.refiner_weights}"
    )


def gpu_cost(click_seconds: int | None) -> str:
    """Say what another backbone takes of a lent GPU; nothing if none is lent."""
    if click_seconds is None:
        return ""
    return GPU_COST.format(click=click_seconds, day=GPU_DAY, member=GPU_DAY_MEMBER)


def backbone_title(name: str) -> str:
    """Return what people call a backbone."""
    family, dash, size = name.partition("-")
    if family != "sam2.1" or not dash:
        return name
    return f"SAM 2.1 {size.replace('-plus', '+').capitalize()}"


def loading(backbone: str, seconds: int = 0) -> str:
    """Say that a backbone is being loaded, and for how long."""
    since = f" {seconds} s" if seconds else ""
    return f"Loading {backbone_title(backbone)}…{since}"


def titles(info: ModelInfo) -> dict[str, str]:
    """Return what the panes `base` and `refined` are called."""
    named: dict[str, str] = info.details.get("titles", {})
    return {model: named.get(model, CANVAS[model]) for model in ("base", "refined")}


CANVAS = {
    "open": "Use your picture…",
    "open_hint": "Open a picture, paste one (Ctrl+V), or drop one here",
    "examples": "Examples",
    "tools": "What a click does",
    "positive": "Add",
    "positive_hint": "A click belongs to the object (Q)",
    "negative": "Remove",
    "negative_hint": "A click does not belong to the object; also right click or Shift+click (E)",
    "box": "Box",
    "box_hint": "Drag a box around the object (B); with a mouse, dragging always draws a box",
    "undo": "Undo",
    "undo_hint": "Undo (Ctrl+Z)",
    "redo": "Redo",
    "redo_hint": "Redo (Ctrl+Shift+Z)",
    "clear": "Clear object",
    "clear_hint": "Remove all prompts of this object (Shift+Del)",
    "reset": "Reset all",
    "reset_hint": "Remove all objects",
    "views": "View",
    "overlay": "Side by side",
    "contour": "Contour",
    "cutout": "Cut-out",
    "difference": "Difference",
    "swipe": "Slider",
    "errors": "Errors",
    "errors_hint": "Against the true mask: what SAM2Refiner repaired, what it broke, what both have wrong",
    "fixed": "repaired",
    "broken": "broken",
    "both_wrong": "both wrong",
    "more": "More",
    "facts": "Times and figures",
    "numbers": "Numbers",
    "soft": "Probability",
    "soft_hint": "How sure each model is that a pixel belongs to the object, from 0 to 1, with its "
    "mask's contour at 0.5. These are the models' own numbers, not calibrated: 0.8 does not mean "
    "right four times of five",
    "soft_failed": "The probabilities did not arrive; check the connection and choose the view again.",
    "opacity": "Opacity",
    "opacity_hint": "Opacity of the masks ([ and ])",
    "zoom_out": "Zoom out",
    "zoom_in": "Zoom in",
    "fit": "Fit",
    "fit_hint": "Show the whole picture (0)",
    "largest": "Largest difference",
    "largest_hint": "Zoom to where the two masks differ most (L)",
    "loupe": "Where do they differ",
    "loupe_largest": "Largest difference",
    "previous_region": "Previous",
    "previous_region_hint": "Zoom both panes to the next larger region of disagreement (comma)",
    "next_region": "Next",
    "next_region_hint": "Zoom both panes to the next smaller region of disagreement (full stop)",
    "region_at": "region {number} of {count} · {pixels}",
    "region_all": "regions: {count}{smaller} · {pixels} in all",
    "region_smaller": ", smaller: {count}",
    "region_hint": "Connected pixels that only one of the two masks has, the largest first; smaller "
    "are those under 4 pixels and those after the 50 largest",
    "region_none": "nowhere: the two masks are the same",
    "pixels": "{count} px",
    "differences_failed": "Where the masks differ did not arrive; check the connection. It is asked "
    "for again with the next click.",
    "band": "Boundary band",
    "band_hint": "Darkens all but a band on both sides of each model's contour; its width is in per "
    "cent of the picture's diagonal. Boundary IoU compares the inner side of the band of 2 %",
    "band_off": "off",
    "band_at": "{percent} % · {width} px",
    "help": "Keys",
    "help_hint": "Keys and mouse (?)",
    "close": "Close",
    "objects": "Objects",
    "object": "Object",
    "new_object": "New object",
    "new_object_hint": "Start another object (N)",
    "remove_object": "Remove object",
    "base": "SAM2",
    "refined": "SAM2Refiner",
    "stage": "Picture. Click what to segment; press ? for keys.",
    "empty": "Click what you want to segment.",
    "invite": "Click anything in the picture: both models answer.",
    "box_status": "Drag a box around the object.",
    "only_base": "only SAM2",
    "only_refined": "only SAM2Refiner",
    "both": "both",
    "busy": "Working…",
    "in_line": "Others are served first; your place in the line: {place}",
    "opening": "Opening…",
    "too_large": "The file is larger than {limit} MB; save it smaller and try again.",
    "no_picture": "That is no picture; choose a JPEG, PNG or WebP file.",
    "upload_failed": "The upload did not arrive; check the connection and try again.",
    "no_reply": "The server has not answered for a while; your prompts are kept.",
    "lost": "The connection to the server is lost; trying again…",
    "given_up": "The server has not answered, so this was given up; nothing you drew is lost. Try again.",
    "dropped_link": "That is a link, not a file; save it as a file first and drop that, or paste a "
    "copied picture.",
    "dropped_folder": "That is a folder; drop one file of it.",
    "dropped_many": "Of the {count} files only the first is opened; drop one at a time.",
    "not_sent": "The server could not be reached; check the connection and try again.",
    "no_download": "The download has not come; check the connection and choose it again.",
    "sending": "Sending {percent} % ({sent} of {all} {unit})…",
    "at_most": "One picture takes at most {limit} objects; remove one first.",
    "scaled": "worked at {to}, scaled down from {from}",
    "held": "{count} clicks collected; release Ctrl to run",
    "agreement": "Agreement (IoU)",
    "prompts": "Prompts used",
    "clicks_box": "{clicks} + box",
    "encode": "Image encoder",
    "augment": "Localization augment",
    "base_time": "Decoder of both",
    "refine": "Refinement",
    "total": "Model total",
    "seen": "Click to screen",
    "reused": "reused",
    "how_measured": "How measured",
    "download": "Download",
    "mask": "Mask",
    "cut": "Cut-out",
    "painted": "Overlay",
    "json": "JSON (prompts, COCO RLE)",
    "give_mask": "Refine a mask…",
    "give_mask_hint": "Upload a mask of another tool (a picture, or annotations of COCO, labelme, ISAT, Label Studio "
    "or YOLO): SAM2Refiner "
    "refines it, clicks correct it",
    "delete_mask_hint": "Take the uploaded mask away from this object",
    "given": "Mask",
    "given_named": "Mask: {label}",
    "with_mask": "{prompts} + mask",
    "session": "Session",
    "session_hint": "Everything that decides these masks, for 'python -m refiner replay'",
    "open_session": "Open session…",
    "open_session_hint": "Open a session file of this picture",
    "truth": "True mask",
    "open_truth": "Upload mask…",
    "open_truth_hint": "Upload the true mask of this picture: the object white on black",
    "drop_truth": "Forget it",
    "brush_truth": "Brush it by hand…",
    "brush_truth_hint": "Paint the true mask of this picture, or touch up the one there is; both "
    "models are then measured against what you painted",
    "brush_bar": "Brush for the true mask",
    "brush_paint": "Paint",
    "brush_erase": "Erase",
    "brush_erase_hint": "Erase (X); the right mouse button and Shift erase, too",
    "brush_size": "Size",
    "brush_size_hint": "Width of the brush in pixels of the picture ([ and ])",
    "brush_pixels": "{size} px",
    "brush_done": "Done",
    "brush_done_hint": "End brushing (Esc); what you painted stays",
    "brush_status": "Drag to paint the true mask (striped); undo takes strokes back.",
    "truth_need": "Give this picture's true mask, and your own clicks are drawn here, too.",
    "truth_click": "{truth} Click the object to start your curve.",
    "truth_is": "{truth} Large dots: your clicks on {object}.",
    "play_clicks": "Play 10 clicks",
    "play_clicks_hint": "Clicks ten random points of the true mask, one after the other, the same for "
    "both models; undo takes them back",
    "stop_clicks": "Stop",
    "plot_title": "Quality after n clicks",
    "plot_metric": "What is measured",
    "plot_mean": "dashed: mean of {photos} photos",
    "plot_own": "lines: this picture, random clicks",
    "plot_svg": "Plot as SVG",
    "plot_png": "Plot as PNG",
    "plot_csv": "Numbers as CSV",
    "inset": "where they differ most",
    "restore_offer": "This browser has kept your work on {name}: objects {objects}, clicks {clicks}.",
    "restore_work": "Restore it",
    "forget_work": "Forget it",
    "sent_again": "The server did not hold your work any more; it was sent again with your clicks and "
    "boxes. Masks from files and the steps for undo are gone.",
    "reading": "How to read the mask file",
    "read_as": "Not what {name} holds? Read it as",
    "read_binary": "one object",
    "read_binary_hint": "All that is bright is one object ('binary')",
    "read_inverted": "its opposite",
    "read_inverted_hint": "The object is what is dark ('invert')",
    "read_ids": "an object a number",
    "read_ids_hint": "Each value but 0 is an object ('ids')",
    "read_colours": "an object a colour",
    "read_colours_hint": "Each colour is an object ('colours')",
    "verdict_better": "With {prompts} SAM2Refiner is closer to the true mask: IoU {iou}, outline {biou}.",
    "verdict_worse": "With {prompts} SAM2 is closer to the true mask here: IoU {iou}, outline {biou}.",
    "verdict_mixed": "With {prompts}: IoU {iou}, outline {biou} against the true mask.",
    "verdict_change": "{from} → {to} %",
    "verdict_agree": "The two masks agree on {iou}.",
    "verdict_mean": "After {count} on the measured photos the outline scores {base} with SAM2 and "
    "{refined} with SAM2Refiner, on average.",
    "prompts_box": "a box",
    "prompts_mask": "a mask",
    "prompts_click": "1 click",
    "prompts_clicks": "{count} clicks",
    "curve_iou": "IoU",
    "curve_iou_hint": "Intersection over union of the mask with the true one",
    "curve_biou": "Outline",
    "curve_biou_hint": "Boundary IoU: the same within a band of 2 % of the diagonal along the outline",
    "curve_prompts": "Prompts",
}

API_TOO_LONG = (
    "The clip has {all} frames and at most {most} ({seconds:.1f} s) are tracked at once; choose them "
    "with start and stop."
)
NO_MEMORY = (
    "The server's memory is nearly used up, so nothing new can be opened now. What you have open goes on; "
    "try again in some minutes."
)
DISK_FULL = "The server has no room for this now; try again later, or with a smaller file."
VIDEO_FAILED = (
    "Something went wrong on the server; your clip, prompts and tracked masks are kept. Try again."
)

SESSION_DIFFERS = (
    "The session is open, but {} of its {} masks came out otherwise than when it was saved: this "
    "machine or its software differs."
)
LEAVING = "The server is being restarted and takes nothing new; try again in a minute."
BACKBONE = "Backbone"
GPU_COST = (
    "Clicks with sam2-lite take no GPU time, with another about {click} s of your {day} s a day "
    "({member} s with a free account)."
)
GPU_REFUSED = (
    "The GPU here is lent by Hugging Face, which lends none for this now; clicks with sam2-lite need "
    "none. It says: {reason}"
)
GPU_DAY, GPU_DAY_MEMBER = 120, 300
"""Seconds of a lent GPU that a visitor has a day, without and with a free account."""
API_FAILED = "Something went wrong on the server; try again."
API_LATE = "It took longer than {seconds} s; ask for fewer prompts or seeds."

KEYS_TITLE = "Keys and mouse"
KEYS = (
    ("Click", "belongs to the object"),
    ("Right click, Shift+click", "does not belong to the object"),
    ("Drag", "box around the object"),
    ("Click a marker", "delete it"),
    ("Drag a marker", "move it"),
    ("Hold Ctrl", "collect clicks, run on release"),
    ("Q / E / T", "add / remove / toggle"),
    ("B", "box"),
    ("N", "new object"),
    ("1–9", "choose an object"),
    ("Ctrl+Z, Ctrl+Shift+Z", "undo, redo"),
    ("Del", "delete the marker under the pointer, else the object"),
    ("Shift+Del", "clear the object"),
    ("Esc", "give up the drag or the collected clicks"),
    ("Wheel, pinch", "zoom"),
    ("Space+drag, middle drag", "pan"),
    ("0", "fit"),
    ("L", "largest difference"),
    ("V", "next view"),
    ("[ and ]", "opacity"),
    ("?", "this list"),
)
IMAGE_KEYS = (
    *KEYS,
    ("Arrows, Shift+arrows", "move a crosshair, faster"),
    (
        "Enter, Shift+Enter",
        "at the crosshair: what the tool does, or does not belong; twice for a box",
    ),
    (", and .", "previous and next region of disagreement"),
    ("M", "brush the true mask, or end it"),
    ("X, [ and ]", "while brushing: erase or paint, size of the brush"),
)
