"""Frames of clips with all that was prepared of them, a row each, and the cache that holds them."""

from pathlib import Path

import numpy as np

from . import refine
from .prepare import SIDE, STILL, normalised
from .presets import INDICES


def engine_points(frames: np.ndarray, fk_v1: np.ndarray) -> np.ndarray:
    """Facial points as the engine sees them: mesh v1, eyes and lips refined by the network of the weights folder. Some seconds."""
    net, half = refine.Exported.load(), (SIDE - 1) / 2
    return normalised(refine.refined(net, frames, (fk_v1 + 1) * half)[:, : len(INDICES)])


def part(count: int, share: float) -> np.ndarray:
    """Indices of a share of `count` things, at least one; those of a smaller share are among those of a larger one."""
    return np.sort(np.random.default_rng(0).permutation(count)[: max(1, round(share * count))])


class Rows:
    """Frames of clips, a row each: `clip`, `frames`, `masks`, `backs`, `fk_engine`, `fk_v2`, `z`, `iris` (see `prepare`)."""

    def openings(self) -> np.ndarray:
        """(rows, 2): how far eyes and mouth are open, in units of their spread over the clips."""
        at = {mesh: i for i, mesh in enumerate(INDICES)}
        gap = lambda upper, lower: np.linalg.norm(self.fk_v2[:, at[upper]] - self.fk_v2[:, at[lower]], axis=1)
        gaps = np.stack([gap(159, 145) + gap(386, 374), gap(13, 14)], 1)
        return gaps / np.maximum(gaps[self.clip != STILL].std(0), 1e-6)


class Cache(Rows):
    """Read-only view of what `prepare` wrote."""

    def __init__(self, path: Path):
        table = np.load(Path(path) / "table.npz")
        if "iris" not in table:
            raise SystemExit(f"{path} was written by an older version without irises: run portrait_training.prepare again")
        self.path = Path(path)
        self.clip, self.fk_v1, self.fk_v2, self.z, self.iris = (table[k] for k in ("clip", "fk_v1", "fk_v2", "z", "iris"))
        count = len(self.clip)
        load = lambda name, *shape: np.memmap(Path(path) / f"{name}.u8", np.uint8, "r", shape=(count, SIDE, SIDE, *shape))
        self.frames, self.masks, self.backs = load("frames", 3), load("masks"), load("backs", 3)
        self.fk_engine = engine_points(self.frames, self.fk_v1)
