"""Presets and facial points, the files that Rust reads too."""

import json
import tomllib
from pathlib import Path

PRESETS = Path(__file__).parents[2] / "presets"

# Clips that no training run may see, nor the people in them.
EVALUATION_CLIPS = (13, 15, 38, 104, 110, 200, 207, 216, 258)


def preset(name: str) -> dict:
    """Sizes of a preset, as in `presets/NAME.toml`."""
    return tomllib.loads((PRESETS / f"{name}.toml").read_text())


FACIAL = json.loads((PRESETS / "fk106.json").read_text())
INDICES: list[int] = FACIAL["indices"]  # of the 468-point mesh
MIRROR: list[int] = FACIAL["mirror"]  # permutation of the 106 under a left-right flip
BASE40: list[int] = FACIAL["base40"]  # where mixed keypoints 0..39 start
EYES: list[int] = FACIAL["eyes"]
LIPS: list[int] = FACIAL["lips"]
INNER_LIPS = [INDICES.index(i) for i in (78, 81, 13, 311, 308, 402, 14, 178)]  # around the opening of the mouth
IRIS_CENTRES: list[int] = FACIAL["irises"]  # of the 478-point mesh
IRISES = [len(INDICES), len(INDICES) + 1]  # where the iris centres, right and left, follow the facial points
# Around the opening of the right and the left eye.
EYE_RINGS = [[EYES[eye], *EYES[4:14][eye::2], EYES[eye + 2], *EYES[14:][eye::2][::-1]] for eye in range(2)]
PINS = EYES + LIPS + IRISES  # where the flow is pinned; contour points slide along the silhouette, pinning them bends the jaw
