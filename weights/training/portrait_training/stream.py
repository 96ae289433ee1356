"""Training batches. Batch number n is a pure function of (seed, n), so a resumed run sees what an unbroken one would."""

import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from queue import Queue

import cv2
import numpy as np

from .prepare import SIDE, STILL, normalised
from .presets import EVALUATION_CLIPS, MIRROR
from .rendered import Rendered
from .rows import Cache, Rows, part
from .shards import Shards
from .stills import Stills

FLOW = 64  # side of the flow labels
POOL = 1 << 41  # seed of the samples that are kept
IRIS_CENTRES = [0, 5]  # of the ten iris points, right and left
IRIS_MIRROR = [5, 8, 7, 6, 9, 0, 3, 2, 1, 4]  # centre, then left, top, right, bottom on the picture; the right eye first

BORDER = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)], np.float32)


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


@dataclass(frozen=True)
class Recipe:
    """What a batch is made of. Probabilities are per sample."""

    size: int = SIDE
    batch: int = 8
    reposed: float = 0.3  # re-posed photographs (stills.py) instead of pairs of a clip
    rendered: float = 0.1  # rendered heads (rendered.py); at most a quarter
    people: float = 1.0  # share of the clips and photographs that is drawn from, the same ones in every run
    views: int = 0  # more pictures of the source's person: other poses of the photograph, other frames of the clip
    driver_back: float = 0.5  # of the pairs: with the driver's own filled background, so that the network learns to trust it
    far_pose: float = 0.3  # of the pairs: chosen far apart in pose ...
    far_opening: float = 0.5  # ... or far apart in eye or mouth opening; the rest at random
    engine: float = 0.7  # facial points as the engine sees them, instead of the cleaner mesh v2
    pool: int = 0  # samples of each generator that are made and then drawn again and again; 0: each is made anew


class Pairs:
    """Draws pairs of frames of a clip; evaluation clips and stills are left out."""

    def __init__(self, rows: Rows, recipe: Recipe):
        self.of, self.recipe, self.openings = rows, recipe, rows.openings()
        clips = set(rows.clip) - {STILL, *EVALUATION_CLIPS}
        moving = [r for r in (np.flatnonzero(rows.clip == c) for c in sorted(clips)) if len(r) > 1]
        self.rows = [moving[i] for i in part(len(moving), recipe.people)]
        share = np.sqrt([len(r) for r in self.rows])  # long clips more, but not in proportion
        self.share = share / share.sum()

    def __call__(self, rng) -> dict[str, np.ndarray]:
        c, rows = self.of, self.rows[rng.choice(len(self.rows), p=self.share)]
        s, candidates, how = rng.choice(rows), rng.choice(rows, 8), rng.random()
        if how < self.recipe.far_pose:
            far = np.abs(c.fk_v2[candidates] - c.fk_v2[s]).mean((1, 2))
        elif how < self.recipe.far_pose + self.recipe.far_opening:
            far = np.abs(self.openings[candidates] - self.openings[s])[:, rng.integers(2)]
        else:
            far = np.zeros(len(candidates))
        d = candidates[far.argmax()]
        mesh = c.fk_engine if rng.random() < self.recipe.engine else c.fk_v2
        item = dict(
            src=c.frames[s],
            smask=c.masks[s],
            back=c.backs[d if rng.random() < self.recipe.driver_back else s],
            drv=c.frames[d],
            dmask=c.masks[d],
            depth_s=c.z[s],
        )
        item |= dict(iris_s=c.iris[s], iris_d=c.iris[d], flow=np.zeros((SIDE, SIDE, 2), np.float32), flow_valid=np.zeros((SIDE, SIDE), bool))
        if self.recipe.views:
            more = np.sort(rng.choice(rows, self.recipe.views))
            item |= dict(views=c.frames[more], view_masks=c.masks[more], view_fk=mesh[more])
        return item | dict(fk_s=mesh[s], fk_d=mesh[d], label_s=c.fk_v2[s], label_d=c.fk_v2[d])


class Pool:
    """The first samples of a generator, each made when it is first drawn and then kept (1.2 MB).

    A CPU makes one in the time in which it learns from three."""

    def __init__(self, generator, size: int):
        self.generator, self.size, self.kept = generator, size, {}

    def __call__(self, rng, views: int) -> dict[str, np.ndarray]:
        number = int(rng.integers(self.size))
        if number not in self.kept:
            self.kept[number] = self.generator(np.random.default_rng((POOL, number)), views)
        return self.kept[number]


class Sampler:
    """Draws single samples; not safe to share between threads. The pairs come from `shards` if there are any, else from the cache."""

    def __init__(self, cache: Cache, recipe: Recipe, shards: Shards | None = None):
        self.cache, self.recipe, self.shards = cache, recipe, shards
        self.shard, self.pair = None, None if shards else Pairs(cache, recipe)
        if recipe.rendered > 0.25 or recipe.reposed + recipe.rendered > 1:
            raise SystemExit(f"shares of re-posed {recipe.reposed} and rendered {recipe.rendered}: at most 1 together, rendered at most 0.25")
        self.stills = Stills(cache.path, cache, recipe.people) if recipe.reposed else None
        self.rendered = Rendered(cache.path, cache, np.flatnonzero(cache.clip == STILL)) if recipe.rendered else None
        if recipe.pool:
            self.stills, self.rendered = (g and Pool(g, recipe.pool) for g in (self.stills, self.rendered))

    def turn_to(self, seed: int, number: int):
        """Gets ready for the samples of batch `number`."""
        shard = self.shards.of_batch(seed, number) if self.shards else None
        if shard != self.shard:
            self.shard, self.pair = shard, Pairs(self.shards.read(shard), self.recipe)

    def __call__(self, rng) -> dict[str, np.ndarray]:
        """One sample, moved by one random similarity (all pictures alike), u8 pictures.

        Of n = recipe.size: `src`, `drv`, `back` (n, n, 3), `smask`, `dmask` (n, n); points in [-1, 1]: `fk_s`, `fk_d` as the network
        gets them, `label_s`, `label_d` (106, 2), `depth_s` (106), `iris_s`, `iris_d` (10, 2); `flow` (FLOW, FLOW, 2), the exact backward flow from
        driver to source where `flow_valid` (u8, 0 or 1) says so. With recipe.views = v also `views` (v, n, n, 3), `view_masks`, `view_fk`.
        """
        how = rng.random()
        if how < self.recipe.reposed:
            item = self.stills(rng, self.recipe.views)
        elif how < self.recipe.reposed + self.recipe.rendered:
            item = self.rendered(rng, self.recipe.views)
        else:
            item = self.pair(rng)
        return augment(rng, item, self.recipe.size)


def augment(rng, item: dict[str, np.ndarray], n: int) -> dict[str, np.ndarray]:
    """A random similarity, a mirror image half of the time, and the numbers of a colour change."""
    angle, scale = rng.normal(0, 0.07), np.exp(rng.normal(0, 0.08))
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    linear, shift = np.array([[c, -s], [s, c]]), rng.normal(0, 0.04, 2)
    mirrored = rng.random() < 0.5
    if mirrored:
        linear = linear @ np.diag([-1, 1])
    half = (SIDE - 1) / 2
    m = np.c_[linear, half * (1 + shift) - linear @ [half, half]]

    def warp(p: np.ndarray) -> np.ndarray:
        # Smaller pictures are averages, as the networks reduce those of the engine: without that they are sharper than any it sees.
        moved = cv2.warpAffine(p, m, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        return cv2.resize(moved, (n, n), interpolation=cv2.INTER_AREA) if n < SIDE else moved

    out = {}
    for key, value in item.items():
        if key.startswith(("fk", "label", "iris", "view_fk")):
            if mirrored:
                value = value[..., IRIS_MIRROR if key.startswith("iris") else MIRROR, :]
            out[key] = (value @ linear.T + shift).astype(np.float32)
        elif key == "depth_s":
            out[key] = np.float32(value[MIRROR] if mirrored else value) * np.float32(scale)
        elif key in ("views", "view_masks"):
            out[key] = np.stack([warp(p) for p in value])
        elif not key.startswith("flow"):
            out[key] = warp(value)
    out["flow"], out["flow_valid"] = move_flow(item["flow"], item["flow_valid"], linear, shift)
    colour = [np.exp(rng.normal(0, 0.1)), rng.normal(0, 0.04), np.exp(rng.normal(0, 0.15))]  # gain, offset, saturation
    return out | {"colour": np.array(colour, np.float32)}


def move_flow(where: np.ndarray, valid: np.ndarray, linear: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flow in pixels of both pictures -> (FLOW, FLOW, 2) in [-1, 1] and its validity, both pictures moved by x -> linear x + shift."""
    inner = cv2.erode(valid.astype(np.uint8), np.ones((3, 3)), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    axis = np.linspace(-1, 1, FLOW)
    at = np.stack(np.meshgrid(axis, axis), -1)
    before = ((at - shift) @ np.linalg.inv(linear).T + 1) * ((SIDE - 1) / 2)
    known = (before >= 0).all(-1) & (before <= SIDE - 1).all(-1)
    k = before.round().astype(int).clip(0, SIDE - 1)
    read = where[k[..., 1], k[..., 0]] + (before - k)  # nearest value; about it the flow moves with the pixel
    moved = normalised(read) @ linear.T + shift
    known &= inner[k[..., 1], k[..., 0]].astype(bool) & (np.abs(moved) <= 1).all(-1)
    return moved.astype(np.float32), known.astype(np.uint8)


class Stream:
    """Iterator over batches from number `first` on; a thread, or `workers` processes, keep a few ready."""

    def __init__(self, cache: Cache, recipe: Recipe, seed: int, first: int = 0, ahead: int = 3, workers: int = 0, shards: Shards | None = None):
        self.sampler, self.seed, self.pool = Sampler(cache, recipe, shards), seed, None
        if workers:
            # One thread each. Set before the fork: a child that ends threads it never had waits for ever.
            threads = cv2.getNumThreads()
            cv2.setNumThreads(1)
            self.pool = ProcessPoolExecutor(workers, get_context("fork"), _adopt, (self.sampler, seed))
            self.waiting = deque(self.pool.submit(_make, n) for n in range(first, first + ahead + workers))
            self.number = first + ahead + workers
            cv2.setNumThreads(threads)
        else:
            self.queue: Queue = Queue(ahead)
            threading.Thread(target=self._fill, args=(first,), daemon=True).start()

    def make(self, number: int) -> dict[str, np.ndarray]:
        return make(self.sampler, self.seed, number)

    def _fill(self, number: int):
        while True:
            self.queue.put(self.make(number))
            number += 1

    def __next__(self) -> dict[str, np.ndarray]:
        if self.pool is None:
            return self.queue.get()
        self.waiting.append(self.pool.submit(_make, self.number))
        self.number += 1
        return self.waiting.popleft().result()

    def close(self):
        """Ends the worker processes."""
        if self.pool:
            self.pool.shutdown(cancel_futures=True)


def make(sampler: Sampler, seed: int, number: int) -> dict[str, np.ndarray]:
    sampler.turn_to(seed, number)
    rng = np.random.default_rng((seed, number))
    items = [sampler(rng) for _ in range(sampler.recipe.batch)]
    return {k: np.stack([i[k] for i in items]) for k in items[0]}


_adopted: tuple[Sampler, int] | None = None  # of a worker process


def _adopt(sampler: Sampler, seed: int):
    global _adopted
    _adopted = sampler, seed


def _make(number: int) -> dict[str, np.ndarray]:
    return make(*_adopted, number)
