"""The stream of re-posed photographs: draws a still, poses and expressions, and makes one sample of two views (and more on request)."""

from pathlib import Path

import numpy as np

from .ict import EXPRESSIONS, FOCAL, Fit, rotation
from .prepare import SIDE, normalised
from .repose import BLINKS, Person, Pose
from .rig import Rig
from .rows import part

YAW, PITCH, ROLL = 25, 15, 12  # degrees from frontal, at most
TURN = 35  # degrees away from the photograph's own pose, at most
ACROSS = 40  # degrees towards and beyond frontal, less what the photograph is turned already
LOOKS = [[EXPRESSIONS.index(f"eyeLook{way}_{side}") for way in ("In", "Out", "Down", "Up")] for side in "RL"]
GAZE = np.radians((30, 22))  # yaw and pitch of a full eyeLook weight


class Motions:
    """Expression changes that people made: a frame of a training clip against that clip's median."""

    def __init__(self, path: Path):
        file = np.load(path)
        self.expression, clip = file["expression"].astype(np.float32), file["clip"]
        self.rows = [np.flatnonzero(clip == c) for c in np.unique(clip)]
        self.rest = [np.median(self.expression[r], 0) for r in self.rows]

    def __call__(self, rng) -> np.ndarray:
        """(55) in [-1, 1]."""
        c = rng.integers(len(self.rows))
        return self.expression[rng.choice(self.rows[c])] - self.rest[c]


def draw_turn(rng, present: np.ndarray, yaw: float = YAW, pitch: float = PITCH) -> np.ndarray:
    """Axis times angle from a head's present rotation to a random one near frontal."""
    angles = np.clip(rng.normal(0, (pitch / 2, yaw / 2, ROLL / 2)), (-pitch, -yaw, -ROLL), (pitch, yaw, ROLL))
    now = np.degrees(np.arctan2(present[0, 2], present[2, 2]))
    across = max(0, ACROSS - 1.2 * abs(now))  # a photograph from the side does not show the far side of the hair
    angles[1] = max(angles[1], now - across) if now > 0 else min(angles[1], now + across)
    x, y, z = np.radians(angles)
    change = rotation((0, 0, z)) @ rotation((x, 0, 0)) @ rotation((0, y, 0)) @ present.T
    angle = np.arccos(np.clip((np.trace(change) - 1) / 2, -1, 1))
    axis = np.array([change[2, 1] - change[1, 2], change[0, 2] - change[2, 0], change[1, 0] - change[0, 1]])
    return axis / max(np.linalg.norm(axis), 1e-9) * min(angle, np.radians(TURN))


def draw_closure(rng, change: np.ndarray) -> np.ndarray:
    """How far the eyes are closed (2), right and left: as the motion has it, or a blink on top."""
    return np.maximum(np.clip(1.5 * change[BLINKS], 0, 1), rng.uniform(0.2, 1) if rng.random() < 0.25 else 0)


def draw_gaze(rng, change: np.ndarray) -> np.ndarray:
    """Change of gaze (2, 2): eyes, then yaw to the person's left and pitch upwards; as the motion has it, or a glance on top."""
    inwards, outwards, down, up = change[np.array(LOOKS)].T
    yaw = np.where([True, False], inwards - outwards, outwards - inwards)  # the right eye looks left when it looks inwards
    gaze = np.stack([yaw, up - down], 1) * GAZE
    return gaze + (rng.normal(0, (0.25, 0.12)) if rng.random() < 0.4 else 0)


class Stills:
    """What `fit` wrote, over the pictures of the cache; a share of its people."""

    def __init__(self, path: Path, cache, share: float = 1.0):
        self.cache, path = cache, Path(path)
        for name in ("rig.npz", "fits.npz", "motion.npz"):
            if not (path / name).exists():
                raise SystemExit(f"{path / name} is missing: run portrait_training.fit on the cache, or set Recipe.reposed to 0")
        self.rig, self.motions = Rig.load(path / "rig.npz"), Motions(path / "motion.npz")
        self.fits = dict(np.load(path / "fits.npz"))
        self.people = part(len(self.fits["row"]), share)

    def person(self, k: int) -> Person:
        f, c, row = self.fits, self.cache, self.fits["row"][k]
        fit = Fit(*(f[name][k].astype(np.float64) for name in ("rotation", "translation", "identity", "expression")))
        iris = (c.iris[row].astype(np.float64) + 1) * (SIDE - 1) / 2
        return Person(self.rig, fit, f["residual"][k].astype(np.float64), c.frames[row], c.masks[row], c.backs[row], iris)

    def pose(self, rng, person: Person) -> Pose:
        now, change = person.fit.expression, self.motions(rng)
        expression = np.clip(now * rng.uniform(0.6, 1) + change * rng.uniform(0.8, 1.3), 0, 1)
        if rng.random() < 0.25:
            jaw = EXPRESSIONS.index("jawOpen")
            expression[jaw] = min(0.7, expression[jaw] + rng.uniform(0, 0.5))
        expression[BLINKS] = now[BLINKS] + draw_closure(rng, change) * (person.full - now[BLINKS])
        gaze = np.clip(person.gaze + draw_gaze(rng, change), (-0.6, -0.4), (0.6, 0.4))
        return Pose(draw_turn(rng, person.fit.rotation), rng.normal(0, (0.5, 0.5, 2)), expression, gaze)

    def __call__(self, rng, views: int = 0) -> dict[str, np.ndarray]:
        """The photograph drives a re-posed view of itself, or the other way round, or one view drives another."""
        person = self.person(rng.choice(self.people))
        fresh = lambda: person.render(person.view(self.pose(rng, person)))
        a, how = fresh(), rng.random()
        source, driver = (person.original, a) if how < 0.4 else (a, person.original) if how < 0.8 else (a, fresh())
        where, valid = person.flow(driver, source)
        facial = lambda view: normalised(self.rig.facial(view.points[:, :2]))
        item = dict(src=source.picture, smask=source.mask, drv=driver.picture, dmask=driver.mask, back=person.back)
        item |= dict(fk_s=facial(source), fk_d=facial(driver), label_s=facial(source), label_d=facial(driver))
        depth = self.rig.facial(source.points)[:, 2]
        item["depth_s"] = ((depth - depth.mean()) * (FOCAL / depth.mean() * 2 / (SIDE - 1))).astype(np.float32)
        item |= dict(iris_s=normalised(source.iris), iris_d=normalised(driver.iris), flow=where, flow_valid=valid)
        if views:
            more = [fresh() for _ in range(views)]
            item |= dict(views=np.stack([v.picture for v in more]), view_masks=np.stack([v.mask for v in more]))
            item |= dict(view_fk=np.stack([facial(v) for v in more]))
        return item
