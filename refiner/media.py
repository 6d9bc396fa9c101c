"""Where `refiner.files.pictures` was; gone in the next release."""

import warnings

from refiner.files.mask_files import read_mask as read_mask
from refiner.files.pictures import read_image as read_image

warnings.warn(
    "refiner.media is gone in the next release; use refiner.read_image, "
    "refiner.files.pictures or refiner.files.mask_files.",
    DeprecationWarning,
    stacklevel=2,
)
