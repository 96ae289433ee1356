"""Training batches. Batch number n is a pure function of (seed, n), so a resumed run sees what an unbroken one would."""

import threading
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import cv2
import numpy as np

from . import lids
from .lids import tensorfile
from .prepare import SIDE, STILL
from .presets import EVALUATION_CLIPS, INDICES, MIRROR

BORDER = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)], np.float32)


def engine_points(fk_v1: np.ndarray) -> np.ndarray:
    """Facial points as the engine sees them: mesh v1 with the lid correction of the weights folder."""
    weights, _ = tensorfile.read(lids.FILE)
    return lids.correct(fk_v1, weights["lids.weight"], weights["lids.bias"]).astype(np.float32)


class Cache:
    """Read-only view of what `prepare` wrote."""

    def __init__(self, path: Path):
        table = np.load(Path(path) / "table.npz")
        self.clip, self.fk_v1, self.fk_v2, self.z = (table[k] for k in ("clip", "fk_v1", "fk_v2", "z"))
        self.fk_engine = engine_points(self.fk_v1)
        count = len(self.clip)
        load = lambda name, *shape: np.memmap(Path(path) / f"{name}.u8", np.uint8, "r", shape=(count, SIDE, SIDE, *shape))
        self.frames, self.masks, self.backs = load("frames", 3), load("masks"), load("backs", 3)

    def openings(self) -> np.ndarray:
        """(rows, 2): how far eyes and mouth are open, in units of their spread over the clips."""
        at = {mesh: i for i, mesh in enumerate(INDICES)}
        gap = lambda upper, lower: np.linalg.norm(self.fk_v2[:, at[upper]] - self.fk_v2[:, at[lower]], axis=1)
        gaps = np.stack([gap(159, 145) + gap(386, 374), gap(13, 14)], 1)
        return gaps / gaps[self.clip != STILL].std(0)


def thin_plate_map(driver: np.ndarray, source: np.ndarray, size: int) -> np.ndarray:
    """Backward map (size, size, 2) that carries `driver` points to `source` points exactly."""
    radial = lambda a, b: (lambda r2: r2 * np.log(r2 + 1e-9))(((a[:, None] - b[None]) ** 2).sum(-1))
    n = len(driver)
    affine = np.c_[driver, np.ones(n)]
    left = np.block([[radial(driver, driver) + 1e-4 * np.eye(n), affine], [affine.T, np.zeros((3, 3))]])
    weights = np.linalg.solve(left, np.r_[source, np.zeros((3, 2))])
    axis = np.linspace(-1, 1, size)
    at = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    return (radial(at, driver) @ weights[:n] + np.c_[at, np.ones(len(at))] @ weights[n:]).reshape(size, size, 2).astype(np.float32)


def sample_map(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Read a picture at a [-1, 1] backward map of its own size, edges repeated."""
    px = (where + 1) * np.float32((picture.shape[0] - 1) / 2)
    return cv2.remap(picture, px[..., 0], px[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    (cy, cp, cr), (sy, sp, sr) = np.cos([yaw, pitch, roll]), np.sin([yaw, pitch, roll])
    return (
        np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        @ np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    )


@dataclass(frozen=True)
class Recipe:
    """What a batch is made of. Probabilities are per sample."""

    size: int = SIDE
    batch: int = 8
    stills: float = 0.2  # re-posed stills instead of pairs of a clip
    far_pose: float = 0.3  # of the pairs: chosen far apart in pose ...
    far_opening: float = 0.5  # ... or far apart in eye or mouth opening; the rest at random
    engine: float = 0.7  # facial points as the engine sees them, instead of the cleaner mesh v2


class Sampler:
    """Draws single samples; not safe to share between threads."""

    def __init__(self, cache: Cache, recipe: Recipe):
        self.cache, self.recipe, self.openings = cache, recipe, cache.openings()
        held_out = np.isin(cache.clip, EVALUATION_CLIPS)
        clips = sorted(set(cache.clip[~held_out]) - {STILL})
        self.rows = [np.flatnonzero(cache.clip == c) for c in clips]
        self.rows = [r for r in self.rows if len(r) > 1]
        self.stills = np.flatnonzero(cache.clip == STILL)
        share = np.sqrt([len(r) for r in self.rows])  # long clips more, but not in proportion
        self.share = share / share.sum()

    def pair(self, rng) -> dict:
        c, rows = self.cache, self.rows[rng.choice(len(self.rows), p=self.share)]
        s, candidates, how = rng.choice(rows), rng.choice(rows, 8), rng.random()
        if how < self.recipe.far_pose:
            far = np.abs(c.fk_v2[candidates] - c.fk_v2[s]).mean((1, 2))
        elif how < self.recipe.far_pose + self.recipe.far_opening:
            far = np.abs(self.openings[candidates] - self.openings[s])[:, rng.integers(2)]
        else:
            far = np.zeros(len(candidates))
        d = candidates[far.argmax()]
        mesh = c.fk_engine if rng.random() < self.recipe.engine else c.fk_v2
        points = dict(fk_s=mesh[s], fk_d=mesh[d], label_s=c.fk_v2[s], label_d=c.fk_v2[d])
        return dict(src=c.frames[s], smask=c.masks[s], back=c.backs[s], drv=c.frames[d], dmask=c.masks[d], depth_s=c.z[s]) | points

    def reposed(self, rng) -> dict:
        """A still as source, and as driver the same still turned: landmarks rotated in 3-D, thin plate through them, own background."""
        c, i = self.cache, rng.choice(self.stills)
        solid = np.c_[c.fk_v2[i], c.z[i]]
        middle = np.r_[solid[:, :2].mean(0), 0]
        turned = (solid - middle) @ rotation(*rng.normal(0, [0.25, 0.12, 0.1])).T * rng.uniform(0.9, 1.1) + middle
        moved = (turned[:, :2] + rng.normal(0, 0.05, 2)).astype(np.float32)
        some = rng.permutation(len(moved))[:40]
        anchors = 1.2 * BORDER
        where = cv2.resize(thin_plate_map(np.r_[moved[some], anchors], np.r_[c.fk_v2[i][some], anchors], 24), (SIDE, SIDE))
        mask = sample_map(c.masks[i], where)
        alpha = mask[..., None] / np.float32(255)
        drv = (sample_map(c.frames[i], where) * alpha + c.backs[i] * (1 - alpha)).astype(np.uint8)
        points = dict(fk_s=c.fk_v2[i], fk_d=moved, label_s=c.fk_v2[i], label_d=moved)
        return dict(src=c.frames[i], smask=c.masks[i], back=c.backs[i], drv=drv, dmask=mask, depth_s=c.z[i]) | points

    def __call__(self, rng) -> dict[str, np.ndarray]:
        """One sample, moved by one random similarity (source, driver and background alike), u8 pictures."""
        item = self.reposed(rng) if rng.random() < self.recipe.stills else self.pair(rng)
        n, angle, scale = self.recipe.size, rng.normal(0, 0.07), np.exp(rng.normal(0, 0.08))
        c, s = np.cos(angle) * scale, np.sin(angle) * scale
        linear, shift = np.array([[c, -s], [s, c]]), rng.normal(0, 0.04, 2)
        points = {k: item.pop(k) for k in ("fk_s", "fk_d", "label_s", "label_d")}
        depth = item.pop("depth_s") * np.float32(scale)
        if rng.random() < 0.5:
            linear = linear @ np.diag([-1, 1])
            points, depth = {k: p[MIRROR] for k, p in points.items()}, depth[MIRROR]
        half_in, half_out = (SIDE - 1) / 2, (n - 1) / 2
        pixel = linear * (half_out / half_in)
        m = np.c_[pixel, half_out * (1 + shift) - pixel @ [half_in, half_in]]
        warp = lambda p: cv2.warpAffine(p, m, (n, n), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        pictures = {k: warp(p) for k, p in item.items()}
        colour = np.array([np.exp(rng.normal(0, 0.1)), rng.normal(0, 0.04), np.exp(rng.normal(0, 0.15))])  # gain, offset, saturation
        return (
            pictures
            | {k: (p @ linear.T + shift).astype(np.float32) for k, p in points.items()}
            | {"depth_s": depth, "colour": colour.astype(np.float32)}
        )


class Stream:
    """Iterator over batches from number `first` on; a thread keeps a few ready."""

    def __init__(self, cache: Cache, recipe: Recipe, seed: int, first: int = 0, ahead: int = 3):
        self.sampler, self.seed, self.queue = Sampler(cache, recipe), seed, Queue(ahead)
        threading.Thread(target=self._fill, args=(first,), daemon=True).start()

    def make(self, number: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng((self.seed, number))
        items = [self.sampler(rng) for _ in range(self.sampler.recipe.batch)]
        return {k: np.stack([i[k] for i in items]) for k in items[0]}

    def _fill(self, number: int):
        while True:
            self.queue.put(self.make(number))
            number += 1

    def __next__(self) -> dict[str, np.ndarray]:
        return self.queue.get()
