"""Where `refiner.predict.segmenter` was; gone in the next release."""

import warnings

from refiner.predict.segmenter import ImageSegmenter as ImageSegmenter
from refiner.predict.segmenter import load_segmenter as load_segmenter

warnings.warn(
    "refiner.image is gone in the next release; use refiner.load, or "
    "refiner.predict.segmenter.load_segmenter.",
    DeprecationWarning,
    stacklevel=2,
)
