"""Where `refiner.files.pictures` was; gone in the next release."""

import warnings

from refiner.files.pictures import read_image as read_image
from refiner.files.pictures import read_mask as read_mask

warnings.warn(
    "refiner.media is gone in the next release; use refiner.read_image, or "
    "refiner.files.pictures.read_mask.",
    DeprecationWarning,
    stacklevel=2,
)
