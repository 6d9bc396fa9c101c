"""Where `refiner.predict.segmenter` and `loading` were; gone in the next release."""

import warnings

from refiner.predict.loading import load_segmenter as load_segmenter
from refiner.predict.segmenter import ImageSegmenter as ImageSegmenter

warnings.warn(
    "refiner.image is gone in the next release; use refiner.load, or "
    "refiner.predict.loading.load_segmenter.",
    DeprecationWarning,
    stacklevel=2,
)
