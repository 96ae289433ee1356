"""ICT-FaceKit (MIT): a head of 50 identity and 55 expression modes, and its fit to the mesh landmarks of a photograph.

Model frame: centimetres, x to the person's left (right on the picture), y up, z towards the viewer. Camera: one fixed focal length;
`project` gives pixel indices of a 256 px picture and a depth in centimetres. Eyeballs do not follow expressions; `gaze` turns them.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

FOCAL = 1300.0  # pixels of a 256 px picture: a head at about 1.5 m
CENTRE = 127.5
PARTS = {"face": (0, 9409), "head": (9409, 11248), "mouth": (11248, 13294), "sockets": (13294, 14062)}
PARTS |= {"gums": (14062, 17039), "teeth": (17039, 21451), "eyes": (21451, 24591)}
VERTICES = 24591  # what follows are tear fluid, occlusion shells and lashes
EYEBALLS = {"left": (21451, 23021), "right": (23021, 24591)}
IDENTITIES = 50
CORRESPONDENCE = Path(__file__).with_name("ict_mesh468.json")


class Ict:
    """The model as arrays; read-only, shared by all fits."""

    def __init__(self, path: Path):
        file = np.load(path)
        self.v = file["v"][:VERTICES].astype(np.float32)
        tri = file["tri"][:, :, 0]
        self.tri = np.ascontiguousarray(tri[tri.max(1) < VERTICES], np.int32)
        self.identity = file["identity"][:IDENTITIES, :VERTICES].astype(np.float32)
        order = [file["expr_names"].tolist().index(name) for name in EXPRESSIONS]
        self.expression = file["expr"][order, :VERTICES].astype(np.float32)

    def part(self, name: str) -> slice:
        return slice(*PARTS[name])

    def triangles(self, *parts: str) -> np.ndarray:
        """Triangles whose first corner lies in one of the parts."""
        first = self.tri[:, 0]
        return self.tri[np.any([(first >= a) & (first < b) for a, b in (PARTS[p] for p in parts)], 0)]

    @cached_property
    def mirror(self) -> np.ndarray:
        """Vertex on the other side, of each vertex of face and head."""
        v = self.v[: PARTS["head"][1]]
        return nearest(v * (-1, 1, 1), v)

    def shape(self, identity: np.ndarray, expression: np.ndarray, some=slice(None)) -> np.ndarray:
        """Vertices (N, 3)."""
        return self.v[some] + np.tensordot(identity, self.identity[:, some], 1) + np.tensordot(expression, self.expression[:, some], 1)


ARKIT = (
    "_neutral browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft cheekSquintRight eyeBlinkLeft "
    "eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight "
    "eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight "
    "mouthFrownLeft mouthFrownRight mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight mouthPucker "
    "mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft mouthSmileRight mouthStretchLeft mouthStretchRight "
    "mouthUpperUpLeft mouthUpperUpRight noseSneerLeft noseSneerRight"
).split()


# Of ICT-FaceKit, the dilation of the pupils left out.
EXPRESSIONS = (
    "browDown_L browDown_R browInnerUp_L browInnerUp_R browOuterUp_L browOuterUp_R cheekPuff_L cheekPuff_R cheekRaiser_L cheekRaiser_R "
    "cheekSquint_L cheekSquint_R eyeBlink_L eyeBlink_R eyeLookDown_L eyeLookDown_R eyeLookIn_L eyeLookIn_R eyeLookOut_L eyeLookOut_R "
    "eyeLookUp_L eyeLookUp_R eyeSquint_L eyeSquint_R eyeWide_L eyeWide_R jawForward jawLeft jawOpen jawRight mouthClose mouthDimple_L "
    "mouthDimple_R mouthFrown_L mouthFrown_R mouthFunnel mouthLeft mouthLowerDown_L mouthLowerDown_R mouthPress_L mouthPress_R mouthPucker "
    "mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmile_L mouthSmile_R mouthStretch_L mouthStretch_R "
    "mouthUpperUp_L mouthUpperUp_R noseSneer_L noseSneer_R"
).split()


def from_arkit(coefficients: np.ndarray) -> np.ndarray:
    """MediaPipe's 52 ARKit coefficients (..., 52) -> the model's expression weights (..., 55)."""
    out = np.zeros((*coefficients.shape[:-1], len(EXPRESSIONS)), np.float32)
    for k, name in enumerate(EXPRESSIONS):
        both, one = name.replace("_L", "Left").replace("_R", "Right"), name[:-2]  # ICT splits browInnerUp and cheekPuff
        for arkit in (both, one):
            if arkit in ARKIT:
                out[..., k] = coefficients[..., ARKIT.index(arkit)]
    return out


def nearest(points: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Index of the nearest of `among` (M, D) for each of `points` (N, D)."""
    squares = (among**2).sum(1)
    return np.concatenate([(squares - 2 * chunk @ among.T).argmin(1) for chunk in np.array_split(points, -(-len(points) // 512))])


def rotation(vector: np.ndarray) -> np.ndarray:
    """Axis times angle -> matrix."""
    return cv2.Rodrigues(np.asarray(vector, np.float64))[0]


def project(points: np.ndarray) -> np.ndarray:
    """Camera frame (N, 3), z towards the viewer and negative -> pixel x, pixel y, depth."""
    depth = -points[:, 2]
    k = FOCAL / depth
    return np.stack([CENTRE + k * points[:, 0], CENTRE - k * points[:, 1], depth], 1)


@dataclass
class Landmarks:
    """Where the 468 mesh landmarks lie on the model: three vertices and their weights each."""

    corners: np.ndarray  # (468, 3)
    weights: np.ndarray  # (468, 3)

    @staticmethod
    def load(path: Path = CORRESPONDENCE) -> "Landmarks":
        table = json.loads(path.read_text())
        return Landmarks(np.array(table["corners"]), np.array(table["weights"], np.float32))

    def at(self, values: np.ndarray) -> np.ndarray:
        """Vertex values (..., N, C) -> landmark values (..., 468, C)."""
        return (values[..., self.corners, :] * self.weights[:, :, None]).sum(-2)


@dataclass
class Fit:
    """Model parameters of one photograph: camera frame = rotation @ model + translation."""

    rotation: np.ndarray  # (3, 3)
    translation: np.ndarray  # (3)
    identity: np.ndarray  # (50)
    expression: np.ndarray  # (55), in [0, 1]
    error: float = 0.0  # root mean square of the landmark residual, pixels

    def place(self, points: np.ndarray) -> np.ndarray:
        return points @ self.rotation.T + self.translation


class Fitter:
    """Gauss-Newton on camera pose, identity and expression, with Gaussian priors; expressions are held in [0, 1]."""

    NOISE, SPREAD = 1.5, 0.35  # pixels of landmark noise; standard deviation of an expression weight
    OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377]
    OVAL += [152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]  # the outline slides over the skin: half weight

    def __init__(self, model: Ict, landmarks: Landmarks):
        self.mean = landmarks.at(model.v).astype(np.float64)
        modes = np.concatenate([model.identity, model.expression])
        self.modes = landmarks.at(modes).astype(np.float64)  # (105, 468, 3)
        self.weight = np.ones(len(self.mean))
        self.weight[self.OVAL] = 0.5

    def __call__(self, points: np.ndarray, rounds: int = 12) -> Fit:
        """points (468, 2): pixels of a 256 px picture."""
        n = IDENTITIES
        spread = np.maximum(np.ptp(points, 0).mean(), 1.0)
        turn, shift = np.eye(3), np.array([0.0, 0.0, -FOCAL * np.ptp(self.mean[:, :2], 0).mean() / spread])
        middle = points.mean(0) - CENTRE
        shift[:2] = -shift[2] / FOCAL * middle * (1, -1) - self.mean.mean(0)[:2]
        w, lower = np.zeros(len(self.modes)), np.r_[np.full(n, -2.5), np.zeros(len(self.modes) - n)]
        upper, prior = np.r_[np.full(n, 2.5), np.ones(len(self.modes) - n)], np.r_[np.ones(n), np.full(len(self.modes) - n, 1 / self.SPREAD)]
        root = np.repeat(self.weight, 2) / self.NOISE
        for step in range(rounds):
            free = (w > lower) | (w == 0) if step < rounds - 2 else (w > lower) & (w < upper)
            x = self.mean + np.tensordot(w, self.modes, 1)
            turned = x @ turn.T
            camera = turned + shift
            depth = -camera[:, 2:]
            seen = camera[:, :2] * FOCAL / depth * (1, -1) + CENTRE

            def flat(change):  # of camera positions (..., 468, 3) -> of pixels (..., 936)
                d = (change[..., :2] + camera[:, :2] / depth * change[..., 2:]) * FOCAL / depth * (1, -1)
                return d.reshape(*change.shape[:-2], -1)

            spin = np.stack([np.cross(axis, turned) for axis in np.eye(3)])
            move = np.broadcast_to(np.eye(3)[:, None], spin.shape)
            moded = flat(self.modes @ turn.T) * free[:, None] if step > 2 else flat(self.modes @ turn.T) * 0
            jacobian = np.concatenate([flat(spin), flat(move), moded]).T * root[:, None]
            rest = (points - seen).ravel() * root
            ridge = np.r_[np.full(6, 1e-9), prior**2]
            pull = np.r_[np.zeros(6), -(prior**2) * w]
            delta = np.linalg.solve(jacobian.T @ jacobian + np.diag(ridge), jacobian.T @ rest + pull)
            turn, shift = rotation(delta[:3]) @ turn, shift + delta[3:6]
            w = np.clip(w + delta[6:] * free, lower, upper)
        return Fit(turn, shift, w[:n], w[n:], float(np.sqrt(((points - seen) ** 2).sum(1).mean())))
