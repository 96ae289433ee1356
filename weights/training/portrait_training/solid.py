"""A face has depth: what the turn of a head makes of a photo's shape where that is not the driver's. As the engine's transfer does it."""

import sys

import numpy as np

from .presets import PRESETS

sys.path.insert(0, str(PRESETS.parent))
import tensorfile  # noqa: E402

STIFF = [0, 2, 3, 4, 5, 44, 45, 46, 47, 68, 69, 70, 71, 72]  # of the facial points: only the head as a whole moves them
FIT_RIDGE, RELIEF_RIDGE = 1e-4, 1e-3
LIPS, CORNERS = slice(83, 103), (85, 86)  # of the facial points
CORNER_SHARES = np.repeat([0, 1, 0.7, 0.3, 0.7, 0.3, 0, 1, 0.5, 0.5], 2)  # how far each point of the lips goes along with its corner


def model() -> tuple[np.ndarray, np.ndarray]:
    """Mean shape (106, 3) and what expressions move of it (52, 106, 3), see expressions.md."""
    tensors, _ = tensorfile.read(PRESETS.parent / "expressions.safetensors")
    return tensors["expressions.mean"].astype(float), tensors["expressions.offsets"][:, :106].astype(float)


def view(mean: np.ndarray, facial: np.ndarray) -> tuple[np.ndarray, float]:
    """Rotation (3, 3) and scale in which the mean shape's stiff points lie on a photo's best."""
    x, u = mean[STIFF] - mean[STIFF].mean(0), facial[STIFF] - facial[STIFF].mean(0)
    right, down = np.linalg.solve(x.T @ x + 1e-3 * np.eye(3), x.T @ u).T
    scale, unit = (np.linalg.norm(right) + np.linalg.norm(down)) / 2, lambda v: v / np.linalg.norm(v)
    both, apart = unit(right + down), unit(right - down)
    right, down = unit(both + apart), unit(both - apart)
    return np.stack([right, down, np.cross(right, down)]), scale


def own_turn(photo: np.ndarray, moved: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """What to add to the facial points (108, 2) of a photo that `moved` by the driver's motion alone.

    `neutral` are the driver's points at rest, in the photo's size. A linear map of place and depth is fitted to the motion of the stiff
    points, and applied to how photo and driver differ at rest, both heads held alike, and to the depth that this difference stands for.
    Where the driver's corners of the mouth move the way that the photo's differ, less and less of that difference is kept: two smiles do
    not add up.
    """
    mean, offsets = model()
    rotation, scale = view(mean, photo)
    depth = scale * (mean @ rotation.T)[:, 2]
    place = np.c_[photo, np.r_[depth, [depth[STIFF].mean()] * 2], np.ones(len(photo))]
    gram = place[STIFF].T @ place[STIFF]
    gram += (FIT_RIDGE * (gram[0, 0] + gram[1, 1]) + 1e-9) * np.eye(4)
    fit = lambda motion: np.linalg.solve(gram, place[STIFF].T @ motion[STIFF])
    unlike = photo - neutral
    unlike = unlike - place @ fit(unlike)
    seen = offsets @ rotation.T
    flat = seen[..., :2].reshape(len(seen), -1)
    squares = flat @ flat.T
    weights = np.linalg.solve(squares + RELIEF_RIDGE * np.trace(squares) * np.eye(len(seen)), flat @ unlike[: len(mean)].ravel())
    deeper = np.r_[weights @ seen[..., 2], 0, 0]
    head = fit(moved - photo)
    own = np.c_[unlike, deeper] @ head[:3]
    expression = moved + own - photo - np.c_[photo, place[:, 2] + deeper, place[:, 3]] @ head
    for side, corner in enumerate(CORNERS):
        shape = unlike[corner] + own[corner]
        same = max(expression[corner] @ shape, 0) / max(shape @ shape, 1e-12)
        own[LIPS][side::2] += (1 / (1 + same**2) - 1) * CORNER_SHARES[side::2, None] * shape
    return own
