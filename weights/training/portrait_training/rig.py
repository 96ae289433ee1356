"""The part of ICT-FaceKit that is drawn on a re-posed photograph: face, lids, eyeballs, mouth; all that does not depend on the person.

The head's sides, hair, neck and shoulders are drawn by a relief of the photograph (repose.py); the rig's face fades into it near the
outline of the face mesh. `Rig.build` makes it from the model, `save` and `load` keep it in the cache.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from .ict import EXPRESSIONS, EYEBALLS, PARTS, Fitter, Ict, Landmarks, nearest
from .presets import INDICES

FADE = 1.0  # centimetres over which the face fades into the relief
CORNEA = 770  # vertices of the outer shell, the first of an eyeball's two
SKIN, LINING, SOCKET, GUMS, TEETH, EYE = range(6)
KIND = {"face": SKIN, "mouth": LINING, "sockets": SOCKET, "gums": GUMS, "teeth": TEETH, "eyes": EYE}
NEAR = 5  # landmarks that move a vertex of the skin with them


@dataclass
class Rig:
    """Arrays over n drawn vertices (f32) and their triangles; head_* are the whole head, for depth only."""

    v: np.ndarray  # (n, 3) neutral
    identity: np.ndarray  # (50, n, 3)
    expression: np.ndarray  # (55, n, 3)
    triangles: np.ndarray  # (m, 3)
    kind: np.ndarray  # (n) SKIN ... EYE
    alpha: np.ndarray  # (n) 1 inside the face, 0 at its outline
    side: np.ndarray  # (n) of EYE: 0 the person's right, 1 left
    eye: np.ndarray  # (n, 3) of EYE: position in units of the eyeball's radius about its centre
    twin: np.ndarray  # (n) vertex on the other side
    lower: np.ndarray  # (n) 1 if it goes with the jaw
    shade: np.ndarray  # (n) fixed light on what lies inside the mouth
    lid: np.ndarray  # (n, 2) how much a blink moves it, right and left; 1 at the margin of the upper lid
    near: np.ndarray  # (n, NEAR) landmarks that carry a vertex of the skin ...
    pull: np.ndarray  # (n, NEAR) ... and how much
    landmark: np.ndarray  # (468, 3) corners among the drawn vertices
    weight: np.ndarray  # (468, 3)
    centre: np.ndarray  # (2, 3) eyeballs, right and left
    radius: np.ndarray  # (2)
    lids: np.ndarray  # (2, 8) landmarks on the lid margins, right and left
    head_v: np.ndarray  # (h, 3)
    head_identity: np.ndarray
    head_expression: np.ndarray
    head_triangles: np.ndarray

    @staticmethod
    def build(model: Ict, landmarks: Landmarks) -> "Rig":
        at = landmarks.at(model.v)
        face = model.v[model.part("face")]
        ring = at[Fitter.OVAL, :2].astype(np.float32)
        depth = np.array([cv2.pointPolygonTest(ring, p.tolist(), True) for p in face[:, :2]]) * (face[:, 2] > 2)
        alpha = np.ones(len(model.v), np.float32)
        alpha[model.part("face")] = np.clip(depth / FADE, 0, 1)
        kind = np.full(len(model.v), -1)
        for name, value in KIND.items():
            kind[model.part(name)] = value
        for a, b in EYEBALLS.values():
            kind[a + CORNEA : b] = -1
        tri = model.tri
        tri = tri[(kind[tri] >= 0).all(1) & (alpha[tri] > 0).any(1)]
        keep = np.unique(np.r_[tri.ravel(), landmarks.corners.ravel()])
        new = np.full(len(model.v), -1)
        new[keep] = np.arange(len(keep))
        v, kind, alpha = model.v[keep], kind[keep], alpha[keep]

        centre, radius = np.zeros((2, 3), np.float32), np.zeros(2, np.float32)
        side, eye = np.zeros(len(keep), np.int32), np.zeros((len(keep), 3), np.float32)
        for s, name in enumerate(("right", "left")):
            ball = slice(EYEBALLS[name][0] + CORNEA, EYEBALLS[name][1])
            centre[s] = model.v[ball].mean(0)
            sphere = np.c_[2 * model.v[ball], np.ones(ball.stop - ball.start)]
            solved = np.linalg.lstsq(sphere, (model.v[ball] ** 2).sum(1), rcond=None)[0]
            centre[s], radius[s] = solved[:3], np.sqrt(solved[3] + (solved[:3] ** 2).sum())
            mine = (kind == EYE) & (np.sign(v[:, 0]) == (-1, 1)[s])
            side[mine], eye[mine] = s, (v[mine] - centre[s]) / radius[s]

        ajar = np.zeros(len(EXPRESSIONS), np.float32)
        ajar[EXPRESSIONS.index("jawOpen")] = 0.5  # tells upper from lower lip
        opened = model.shape(np.zeros(len(model.identity)), ajar).astype(np.float32)
        far = np.linalg.norm(opened[keep][:, None] - landmarks.at(opened)[None], axis=2)
        near = np.argsort(far, 1)[:, :NEAR]
        far = np.take_along_axis(far, near, 1)
        pull = 1 / (far**2 + 0.02**2)
        pull *= np.exp(-((far[:, :1] / 1.5) ** 2)) * np.isin(kind, (SKIN, SOCKET))[:, None] / pull.sum(1, keepdims=True)

        across = np.cross(v[new[tri][:, 1]] - v[new[tri][:, 0]], v[new[tri][:, 2]] - v[new[tri][:, 0]])
        normal = np.stack([np.bincount(new[tri].ravel(), np.repeat(across[:, i], 3), len(v)) for i in range(3)], 1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        behind = at[[13, 14], 2].mean() - v[:, 2]  # centimetres behind the lips
        shade = (0.6 + 0.4 * normal[:, 1:].max(1).clip(0, 1)) * np.exp(-behind.clip(0, 8) / np.where(kind == TEETH, 4, 8))

        lower = -model.expression[EXPRESSIONS.index("jawOpen")][keep, 1] > 1

        blinks = np.linalg.norm(model.expression[[EXPRESSIONS.index(f"eyeBlink_{side}") for side in "RL"]][:, keep], axis=2)
        lid = blinks.T / blinks.max(1) * (kind == SKIN)[:, None]
        lids = [[246, 160, 158, 173, 7, 144, 153, 155], [466, 387, 385, 398, 249, 373, 380, 382]]
        whole = slice(0, PARTS["head"][1])
        arrays = dict(v=v, identity=model.identity[:, keep], expression=model.expression[:, keep], triangles=new[tri], kind=kind, alpha=alpha)
        arrays |= dict(side=side, eye=eye, twin=nearest(v * (-1, 1, 1), v), lower=lower, shade=shade, lid=lid, near=near, pull=pull)
        arrays |= dict(landmark=new[landmarks.corners], weight=landmarks.weights, centre=centre, radius=radius, lids=np.array(lids))
        arrays |= dict(head_v=model.v[whole], head_identity=model.identity[:, whole], head_expression=model.expression[:, whole])
        return Rig(**arrays, head_triangles=model.tri[(model.tri < PARTS["head"][1]).all(1)]).typed()

    def typed(self) -> "Rig":
        for f in fields(self):
            a = getattr(self, f.name)
            setattr(self, f.name, np.ascontiguousarray(a, np.float32 if a.dtype.kind == "f" else np.int32))
        return self

    def save(self, path: Path):
        """Modes are kept in f16."""
        modes = ("identity", "expression", "head_identity", "head_expression")
        np.savez_compressed(
            path, **{f.name: getattr(self, f.name).astype(np.float16) if f.name in modes else getattr(self, f.name) for f in fields(self)}
        )

    @staticmethod
    def load(path: Path) -> "Rig":
        file = np.load(path)
        return Rig(**{f.name: file[f.name] for f in fields(Rig)}).typed()

    def shape(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """Drawn vertices (n, 3) in the model's frame; eyeballs look straight ahead."""
        flat = lambda modes: modes.reshape(len(modes), -1)
        moved = np.float32(identity) @ flat(self.identity) + np.float32(expression) @ flat(self.expression)
        return self.v + moved.reshape(-1, 3)

    def head(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """The whole head (h, 3)."""
        flat = lambda modes: modes.reshape(len(modes), -1)
        moved = np.float32(identity) @ flat(self.head_identity) + np.float32(expression) @ flat(self.head_expression)
        return self.head_v + moved.reshape(-1, 3)

    def landmarks(self, values: np.ndarray) -> np.ndarray:
        """Vertex values (n, C) -> the 468 landmarks' (468, C)."""
        return (values[self.landmark] * self.weight[:, :, None]).sum(1)

    @staticmethod
    def facial(landmarks: np.ndarray) -> np.ndarray:
        """The 106 facial points of the 468."""
        return landmarks[INDICES]
