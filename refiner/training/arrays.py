"""The types that all of training passes around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
U8 = NDArray[np.uint8]
