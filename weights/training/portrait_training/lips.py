"""How lips, chin and cheeks move as a mouth opens and widens: fields over the facial points, of clips of people who talk.

Landmarks are laid over one another as in `expressions.py`, with its unit. What a clip's frames differ by from its mean is regressed on how far
its lips part in the middle and how far apart their corners are, with the corners' height beside them, since who smiles widens the
mouth, too. The fields of the first two are kept, made symmetric; corners go down with a jaw that opens as they do in the clips.
"""

import numpy as np

from . import expressions as face
from .presets import FACIAL, INDICES

UPPER, LOWER, RIGHT, LEFT = (INDICES.index(i) for i in (13, 14, 61, 291))
STILL = [*face.RIGID, *(i for name in ("lid_upper", "lid_lower", "brow") for i in FACIAL["parts"][name]), *FACIAL["eyes"], 106, 107]


def measure(aligned: np.ndarray) -> np.ndarray:
    """(frames, 2): how far the lips part, and how far apart their corners are."""
    return np.stack([aligned[:, LOWER, 1] - aligned[:, UPPER, 1], aligned[:, LEFT, 0] - aligned[:, RIGHT, 0]], 1)


def described(aligned: np.ndarray) -> np.ndarray:
    """(frames, 3) against the clip's mean: both measures, and the height of the corners."""
    shape = np.concatenate([measure(aligned), aligned[:, [LEFT, RIGHT], 1].mean(1, keepdims=True)], 1)
    return shape - shape.mean(0)


def at_rest(shape: np.ndarray) -> np.ndarray:
    """(2,): the same of the frames of a clip whose lips are nearest to shut, a fifth of them."""
    return shape[shape[:, 0] <= np.quantile(shape[:, 0], 0.2)].mean(0)


def fit(clips: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """Fields (2, 108, 3) of opening and width by 1, and the share of what lip points do (x and y) that they and the corners explain."""
    gram, cross, before, after = np.zeros((3, 3)), np.zeros((3, face.POINTS, 3)), 0.0, 0.0
    for aligned in clips:
        shape, moved = described(aligned) / np.sqrt(len(aligned)), aligned - aligned.mean(0)
        gram += shape.T @ shape
        cross += np.tensordot(shape, moved / np.sqrt(len(moved)), (0, 0))
    fields = np.tensordot(np.linalg.inv(gram), cross, (1, 0))
    explaining = fields.copy()
    fields[0] += fields[2] * np.linalg.solve(gram[:2, :2], gram[:2, 2])[0]
    fields = (fields + fields[:, face.SWAPPED] * (-1, 1, 1)) / 2
    fields[:, STILL] = 0
    lips = FACIAL["lips"]
    for aligned in clips:
        shape, moved = described(aligned), aligned - aligned.mean(0)
        left = moved - np.tensordot(shape, explaining, (1, 0))
        before += (moved[:, lips, :2] ** 2).mean()
        after += (left[:, lips, :2] ** 2).mean()
    return fields[:2], 1 - after / before
