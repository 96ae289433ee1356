"""The stream of rendered heads: draws a person, two poses and expressions, and a background of the stills."""

from pathlib import Path

import numpy as np

from .heads import HeadPose, Heads, HeadView
from .ict import EXPRESSIONS, FOCAL
from .prepare import SIDE, normalised
from .presets import INDICES
from .repose import BLINKS
from .stills import GAZE, Motions, draw_closure, draw_gaze

YAW, PITCH, ROLL = 40, 20, 12  # degrees from frontal, at most
JAW = 0.5  # wider, and the teeth leave the lips


def arkit(weights: np.ndarray) -> dict[str, float]:
    """Expression weights in ICT's order -> ARKit targets of MakeHuman."""
    out: dict[str, float] = {}
    for name, weight in zip(EXPRESSIONS, weights):
        if name.startswith("cheekRaiser") or weight < 0.01:
            continue
        if name.startswith(("browInnerUp", "cheekPuff")):
            out[name[:-2]] = out.get(name[:-2], 0) + weight / 2
        else:
            out[name.replace("_L", "Left").replace("_R", "Right")] = float(weight)
    return out


class Rendered:
    """Samples with the keys of `stills.Stills`."""

    def __init__(self, path: Path, cache, stills: np.ndarray):
        """stills: rows of the cache whose backgrounds are used."""
        path = Path(path)
        if not (path / "makehuman/head.npz").exists():
            raise SystemExit(f"{path / 'makehuman'} is missing: run portrait_training.fit on the cache, or set Recipe.rendered to 0")
        self.heads, self.motions, self.cache, self.stills = Heads(path / "makehuman"), Motions(path / "motion.npz"), cache, stills

    def pose(self, rng, share: float = 1.0) -> HeadPose:
        """share: of the widest angles."""
        change = self.motions(rng)
        weights = np.clip(change * rng.uniform(0.8, 1.3), 0, 1)
        if rng.random() < 0.25:
            weights[EXPRESSIONS.index("jawOpen")] += rng.uniform(0, 0.4)
        weights[EXPRESSIONS.index("jawOpen")] = min(JAW, weights[EXPRESSIONS.index("jawOpen")])
        weights[BLINKS] = draw_closure(rng, change)
        for side, (yaw, pitch) in zip("RL", np.clip(draw_gaze(rng, change) / GAZE, -1, 1)):
            inwards = yaw if side == "R" else -yaw
            for way, weight in (("In", inwards), ("Out", -inwards), ("Up", pitch), ("Down", -pitch)):
                weights[EXPRESSIONS.index(f"eyeLook{way}_{side}")] = max(0, weight)
        most = np.array((YAW, PITCH, ROLL)) * share
        angles = np.clip(rng.normal(0, most / 2), -most, most)
        return HeadPose(np.radians(angles), rng.normal(0, (0.7, 0.7, 2)), arkit(weights))

    def __call__(self, rng, views: int = 0) -> dict[str, np.ndarray]:
        head, back = self.heads.person(rng), self.cache.backs[rng.choice(self.stills)]
        source, driver = head.view(self.pose(rng, 0.6), back), head.view(self.pose(rng), back)
        points = lambda view: head.points(view)
        facial = lambda view: normalised(points(view)[INDICES][:, :2])
        iris = lambda view: normalised(points(view)[468:, :2])
        where, valid = head.flow(driver, source)
        depth = points(source)[INDICES][:, 2]
        item = dict(src=source.picture, smask=source.mask, drv=driver.picture, dmask=driver.mask, back=back)
        item |= dict(fk_s=facial(source), fk_d=facial(driver), label_s=facial(source), label_d=facial(driver))
        item["depth_s"] = ((depth - depth.mean()) * (FOCAL / depth.mean() * 2 / (SIDE - 1))).astype(np.float32)
        item |= dict(iris_s=iris(source), iris_d=iris(driver), flow=where, flow_valid=valid)
        if views:
            more: list[HeadView] = [head.view(self.pose(rng), back) for _ in range(views)]
            item |= dict(views=np.stack([v.picture for v in more]), view_masks=np.stack([v.mask for v in more]))
            item |= dict(view_fk=np.stack([facial(v) for v in more]))
        return item
