"""Re-posed photographs for the refiner: winks, half-closed eyes and eyes cast down, which clips hardly show, with the lids where they are.

Mesh v2, which labels all else, has the eyes of a wink half open and lowered lids higher than they are; here the geometry is the label.
"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from .ict import EXPRESSIONS
from .prepare import POSED
from .presets import INDICES
from .repose import BLINKS, Person, Pose
from .rows import Cache
from .stills import Stills
from .tracker import Mesh, Net, Roi

VIEWS = 8  # of a person
SEED = 7
# What comes with a wink on its side of the face, each (right, left).
SQUEEZE = [[EXPRESSIONS.index(f"{name}_{side}") for side in "RL"] for name in ("eyeSquint", "cheekSquint", "mouthSmile")]
DOWN = 0.5  # radians that eyes look down when lids are all the way down


def pose(rng: np.random.Generator, stills: Stills, person: Person) -> Pose:
    """As the stream of re-posed photographs draws it; two in five wink, a third lower both lids (two in five of these look down)."""
    drawn, now, how, closed = stills.pose(rng, person), person.fit.expression, rng.random(), np.zeros(2)
    if how < 0.4:
        side = rng.integers(2)
        closed[side] = rng.uniform(0.5, 1.05)
        closed[1 - side] = rng.uniform(0, 0.4) * (rng.random() < 0.5)
        if rng.random() < 0.6:
            for pair in SQUEEZE:
                drawn.expression[pair[side]] = min(1, drawn.expression[pair[side]] + rng.uniform(0, 0.9))
    elif how < 0.75:
        closed[:] = rng.uniform(0, 1.05)
    if how < 0.75:
        drawn.expression[BLINKS] = now[BLINKS] + closed * (person.full - now[BLINKS])
    if 0.55 < how < 0.75 and rng.random() < 0.7:
        drawn.gaze[:, 1] = np.clip(drawn.gaze[:, 1] - closed * DOWN, -0.55, 0.4)
    return drawn


def label(people: np.ndarray, cache: Path, models: Path, mesh_v1: Path) -> dict[str, np.ndarray]:
    """Views in which both meshes see a face, in the columns of `refine_data.label`; `frame` is the person."""
    cv2.setNumThreads(1)
    stills, rows = Stills(cache, Cache(cache)), []
    v1, v2 = Mesh(Net(mesh_v1), 192), Mesh(Net(models / "face_landmarks_detector.tflite"), 256)
    for k in people:
        rng, person = np.random.default_rng([SEED, int(k)]), stills.person(k)
        for _ in range(VIEWS):
            view = person.render(person.view(pose(rng, stills, person)))
            roi = Roi.around(view.points)
            (points, found), (_, seen) = v1(view.picture, roi), v2(view.picture, roi)
            if min(found, seen) > 0.5:
                truth = np.concatenate([stills.rig.facial(view.points[:, :2]), view.iris[::5]])
                rows.append((k, view.picture, points[INDICES, :2], truth.astype(np.float32)))
    columns = dict(zip(("frame", "frames", "v1", "v2"), map(np.array, zip(*rows))))
    return {"clip": np.full(len(rows), POSED)} | columns


def prepare(cache: Path, models: Path, mesh_v1: Path, jobs: int):
    """Yields parts of all people of the cache."""
    people = Stills(cache, Cache(cache)).people
    work = [people[i::16] for i in range(16)]
    n = len(work)
    # Not forked: numba and the interpreter of the meshes do not survive it.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(label, work, [cache] * n, [models] * n, [mesh_v1] * n)
