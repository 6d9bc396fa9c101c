"""Every word on the page."""

from __future__ import annotations

from refiner.types import ModelInfo

TITLE = "SAM2Refiner Studio"
TAGLINE = "SAM2 segments what you click; SAM2Refiner gives finer masks. Both, side by side."
IMAGE_TAB = "Image"
ABOUT_TAB = "About"

YOUR_PICTURE = "Your picture"
FAILED = (
    "Something went wrong on the server; your picture and prompts are kept. Try again, or undo "
    "the last step."
)


def loaded(info: ModelInfo) -> str:
    """Say in one line what is loaded, where it runs, and how it was trained."""
    return (
        f"{info.backbone} on {info.device} · SAM2: {info.base_weights} · "
        f"SAM2Refiner: {info.refiner_weights}"
    )


CANVAS = {
    "open": "Open picture…",
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
    "overlay": "Overlay",
    "contour": "Contour",
    "cutout": "Cut-out",
    "difference": "Difference",
    "swipe": "Swipe",
    "opacity": "Opacity",
    "opacity_hint": "Opacity of the masks ([ and ])",
    "zoom_out": "Zoom out",
    "zoom_in": "Zoom in",
    "fit": "Fit",
    "fit_hint": "Show the whole picture (0)",
    "largest": "Largest difference",
    "largest_hint": "Zoom to where the two masks differ most (L)",
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
    "box_status": "Drag a box around the object.",
    "only_base": "only SAM2",
    "only_refined": "only SAM2Refiner",
    "both": "both",
    "busy": "Working…",
    "opening": "Opening…",
    "too_large": "The file is larger than {limit} MB; save it smaller and try again.",
    "no_picture": "That is no picture; choose a JPEG, PNG or WebP file.",
    "upload_failed": "The upload did not arrive; check the connection and try again.",
    "no_reply": "The server has not answered for a while; your prompts are kept.",
    "at_most": "One picture takes at most {limit} objects; remove one first.",
    "scaled": "worked at {to}, scaled down from {from}",
    "held": "{count} clicks collected; release Ctrl to run",
    "agreement": "Agreement (IoU)",
    "quality": "Predicted quality",
    "prompts": "Prompts used",
    "clicks_box": "{clicks} + box",
    "encode": "Image encoder",
    "augment": "Localization augment",
    "base_time": "SAM2 decoder",
    "refine": "Refinement",
    "total": "Model total",
    "seen": "Click to screen",
    "reused": "reused",
    "download": "Download",
    "mask": "Mask",
    "cut": "Cut-out",
    "painted": "Overlay",
    "json": "JSON (prompts, COCO RLE)",
}

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

ABOUT = """
### Two models, one click

**SAM2** (Segment Anything Model 2) segments what you point at, but predicts its masks at a quarter
of its input's resolution, so thin parts, holes and fine borders are often lost. **SAM2Refiner**
keeps SAM2 as it is and adds three parts: *localization augment* brings local detail into the
picture's features, *prompt retargeting* aligns the prompts with them, and *mask refinement* merges
features of several scales into a finer mask. Both answers come from the same click and share one
pass of the image encoder; the times on the page are measured, not estimated.

The line under the title says which weights are loaded. The embedded base, *sam2-lite*, is a small
SAM2 that this project trained on a few thousand pictures: it shows what refinement adds to its own
masks, not how good Meta's SAM 2.1 is. SAM2Refiner is an independent implementation of arXiv
2502.09660, whose authors published neither code nor weights.

### How to read the views

- **Overlay** and **Contour**: each model's masks on the picture, a colour an object.
- **Cut-out**: the object on a checkerboard; holes and fringes show at once.
- **Difference**: orange where only SAM2 sees the object, blue where only SAM2Refiner does, white
  where both agree. *Largest difference* zooms to the largest patch of disagreement.
- **Swipe**: one picture, SAM2 left of the divider, SAM2Refiner right of it.

*Agreement* is the intersection over union of the two masks. *Predicted quality* is the intersection
over union with the truth that SAM2's decoder expects, for SAM2Refiner on its refined features and
before mask refinement; it is not measured.

### What is kept

Pictures are scaled down to at most {long_side} pixels on the longer side and held in memory until
about an hour after the last change. Files (uploads, what is shown, downloads) are
deleted from the server after an hour or a little later (70 minutes at most). Nothing is logged of
them, nothing is sent elsewhere, and the page asks nothing of any other host.
Limits: {file_megabytes} MB a file, {megapixels} megapixels, {objects} objects a picture and
{clicks} clicks an object.

### Licence

The code is under Apache-2.0. SAM2 is by Meta AI, under Apache-2.0
(github.com/facebookresearch/sam2). Each example's licence is shown below it when it is open.
"""
