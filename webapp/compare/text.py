"""Every word of the compare tab."""

from __future__ import annotations

COMPARE = {
    "count_tab": "Prompt count",
    "results_tab": "Results",
    "variants_tab": "Variants",
    "intro": "How good is each model after 1, 2, … prompts? Choose pictures with true masks, or "
    "upload your own: pairs of files (`a.jpg` and `a_mask.png`), or a ZIP of such pairs (also as "
    "`images/a.jpg` and `masks/a.png`), in the DAVIS layout (`JPEGImages`, `Annotations`; of each "
    "sequence the first frame with masks) or with a `manifest.jsonl`. At most {} pictures, of each "
    "the {} largest objects.",
    "examples": "Examples with an exact mask",
    "files": "Your pictures with masks, or a ZIP",
    "policy": "Prompts",
    "random": "Random points on the object, as in the paper",
    "clicks": "Clicks at the model's largest error",
    "most": "Up to this many prompts",
    "seeds": "Draws of random points (seeds)",
    "run": "Run",
    "cancel": "Cancel",
    "waiting": "Waiting for another run to end…",
    "checking": "Reading {name}…",
    "running": "{finished} of {pictures} pictures done; at {name}…",
    "done": "Done: {finished} of {pictures} pictures.",
    "cancelled": "Cancelled: {finished} of {pictures} pictures are done and kept.",
    "late": "Time is up: {finished} of {pictures} pictures are done and kept.",
    "broken": "Something went wrong on the server; try again, or leave out the last pictures.",
    "plot": "mIoU and mBIoU of SAM2 and SAM2Refiner over the number of prompts",
    "points": "points",
    "clicks_axis": "clicks",
    "facts": "Pictures: {pictures} · objects: {objects} · seeds: {seeds}.",
    "bands": " Bands and ± are the standard deviation over the seeds.",
    "prompts": "Prompts",
    "model": "Model",
    "failed": "objects not at 90 after {most}",
    "noc_note": "NoC: mean number of clicks to an IoU of 85 or 90 %; {most} where it is never "
    "reached.",
    "notices": "How the pictures and masks were read: {count}",
    "largest": "the {count} largest of {all} objects are compared",
    "finding": "With {count} {prompts} SAM2Refiner has the higher IoU on {better} of {pictures} pictures; "
    "on average IoU {iou} %, outline {biou} %.",
    "scatter": "Every picture's IoU with SAM2 (across) and with SAM2Refiner (up)",
    "scatter_note": "Every picture as a point, with all its prompts: above the diagonal SAM2Refiner is "
    "better, below it SAM2. Choose a point to open its picture in the Image tab (not those of a ZIP).",
    "photos_note": "{photos} photos, a box each: on {better} SAM2Refiner is more than 2 points of "
    "IoU better (blue, above the diagonal), on {worse} more than 2 points worse.",
    "scatter_across": "IoU of SAM2, %",
    "scatter_up": "IoU of SAM2Refiner, %",
    "csv": "Table (CSV)",
    "pictures": "Each picture (CSV)",
    "svg": "Plot (SVG)",
    "png": "Plot (PNG)",
    "no_results": "There are no measured results here.",
    "results_plot": "Measured mIoU and mBIoU over the number of points: {}",
    "one_variant": "Only one refiner is here, the full SAM2Refiner; there is nothing to compare it "
    "with. Variants with some of its parts left out appear here once their weights lie in "
    "`assets/weights/ablation`.",
    "variants_intro": "The picture and the prompts of the image tab through SAM2, the full "
    "SAM2Refiner and: {}. Those named after their parts were trained alike, for fewer steps than "
    "SAM2Refiner and HQ-SAM2.",
    "run_variants": "Run all on the picture of the image tab",
    "full": "SAM2Refiner",
    "caption_scores": " · IoU {:.1f} %, boundary IoU {:.1f} %",
    "caption_agreement": " · agreement with SAM2Refiner {:.1f} %",
    "grid_tools": "All pictures together",
    "grid_marked": "Differences from SAM2Refiner",
    "grid_other": "only this one",
    "grid_full": "only SAM2Refiner",
    "grid_hint": "Double-click or Ctrl+wheel zooms, dragging moves all.",
    "grid_pictures": "Masks of each variant; arrows, + and − move and zoom all",
    "nothing_prompted": "Nothing is prompted in the image tab; click an object there first.",
}

TITLES = {
    "val": "Points and boxes on unseen photos",
    "val-more": "People, pets, bags, parts: unseen photos",
    "clicks": "Clicks until the mask is right",
    "degraded": "Masks of other tools, refined",
    "regions": "Parts and clothing",
    "ablation": "What each part of SAM2Refiner adds",
    "outside": "Six photos from outside all of these",
    "stability": "How steady masks are",
}
"""What the measurements of `assets/results` are called, the most telling first."""
