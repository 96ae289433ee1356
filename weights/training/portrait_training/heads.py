"""Rendered heads: MakeHuman (CC0) people in any pose, expression and gaze before a real background, with exact labels.

`Heads.person(seed)` draws an identity: shape, skin, eyes, brows, lashes, hair, shirt, light. Everything is one mesh with one texture,
drawn in one pass; strands of hair, brows and lashes are cut out by their opacity. Units are centimetres, axes and camera as in ict.py.

    python -m portrait_training.heads --data DATA --mesh face_landmark.tflite      # where the landmarks lie: makehuman_mesh478.json
"""

import argparse
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from .correspondence import VIEWS, closest_on_surface, read_off, to_the_rim
from .ict import project, rotation
from .raster import bilinear, interpolate, rasterise

SIDE, FINE = 256, 2
SEEN = 0.4  # centimetres of depth within which a point counts as the visible one
CORRESPONDENCE = Path(__file__).with_name("makehuman_mesh478.json")
ATLAS = {"skin": (0, 0, 1024), "hair": (1024, 0, 512), "eyes": (1024, 512, 256), "brow": (1280, 512, 256)}  # x, y, side
ATLAS |= {"teeth": (1024, 768, 256), "lash": (1280, 768, 256), "tongue": (1024, 1024, 256)}
ATLAS_SIZE = (1280, 1536)
SKINS = {  # file: people and ages it suits
    "young_lightskinned_male": ("male", ("caucasian",), ("young",)), "young_lightskinned_male2": ("male", ("caucasian",), ("young",)),
    "young_lightskinned_male3": ("male", ("asian",), ("young",)), "middleage_lightskinned_male": ("male", ("caucasian",), ("young", "old")),
    "middleage_lightskinned_male2": ("male", ("asian",), ("young", "old")), "young_darkskinned_male": ("male", ("african",), ("young",)),
    "middleage_darkskinned_male": ("male", ("african",), ("young", "old")), "old_darkskinned_male": ("male", ("african",), ("old",)),
    "young_lightskinned_female2": ("female", ("asian",), ("young",)), "young_lightskinned_female3": ("female", ("caucasian",), ("young",)),
    "middleage_lightskinned_female2": ("female", ("caucasian",), ("young", "old")),
}  # fmt: skip
HAIR = {"male": ("short01", "short02", "short04"), "female": ("braid01", "short01", "short02", "short04")}  # short03 and the bob hide an eye
HAIR_COLOURS = [(0.03, 0.025, 0.02), (0.08, 0.05, 0.03), (0.15, 0.09, 0.05), (0.28, 0.17, 0.09), (0.45, 0.33, 0.19), (0.3, 0.29, 0.28)]
DETAILS = ("head", "nose", "chin", "cheek", "forehead", "eyes", "mouth", "ears")
NECK = (-11.0, -2.0)  # centimetres above the chin between which a turn of the head fades in
PIVOT = np.array([0, -4.0, -2.0])  # of the head, from the point between the lids
# Decimetres by which the mouth's insides are set back, or a wide-open jaw pushes them through the lips.
INSET = {"teeth": np.float32((0, -0.01, -0.035)), "tongue": np.float32((0, -0.06, -0.05))}


@dataclass
class Part:
    """A mesh on the base mesh: three base vertices with weights and an offset for each of its own."""

    ref: np.ndarray
    weight: np.ndarray
    scale: np.ndarray
    uv: np.ndarray
    corners: np.ndarray  # (t, 3, 2) vertex, uv

    def place(self, base: np.ndarray) -> np.ndarray:
        size = np.array([abs(base[int(a), axis] - base[int(b), axis]) / length for axis, (a, b, length) in enumerate(self.scale)])
        return (base[self.ref] * self.weight[:, :3, None]).sum(1) + self.weight[:, 3:] * size


@dataclass
class HeadPose:
    """Yaw to the person's left, pitch downwards, roll (radians); weights of ARKit targets by name; shift in centimetres."""

    turn: np.ndarray
    shift: np.ndarray
    expression: dict[str, float]


@dataclass
class HeadView:
    at: np.ndarray  # (n, 3) screen
    solid: np.ndarray  # (all vertices, 3) camera frame
    picture: np.ndarray
    mask: np.ndarray
    layer: tuple  # ids, weights, depth


class Heads:
    """The parts, read once."""

    def __init__(self, folder: Path):
        folder = Path(folder)
        self.file = np.load(folder / "head.npz")
        names = self.file["names"].tolist()
        self.targets = [n for n in names if not n.startswith("proxy-")]
        self.base = self.file["base_v"].astype(np.float32)
        self.base_uv, self.base_corners = self.file["base_vt"], self.file["base_tri"]
        self.textures = {}
        for path in sorted((folder / "tex").iterdir()):
            order = cv2.COLOR_BGR2RGB if path.suffix == ".jpg" else cv2.COLOR_BGRA2RGBA
            self.textures[path.stem] = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), order)
        self.moves = {n: (self.file[f"t_{n}_i"].astype(int), self.file[f"t_{n}_d"].astype(np.float32)) for n in self.targets}
        self.parts: dict[str, Part] = {}

    def part(self, name: str) -> Part:
        if name not in self.parts:
            keys = [self.file[f"p_{name}_{k}"] for k in ("ref", "w", "scale", "vt", "tri")]
            self.parts[name] = Part(keys[0].astype(int), *keys[1:])
        return self.parts[name]

    @cached_property
    def landmarks(self) -> tuple[np.ndarray, np.ndarray]:
        """Corners, numbered through base mesh and eyes, and weights (478, 3)."""
        table = json.loads(CORRESPONDENCE.read_text())
        return np.array(table["corners"]), np.array(table["weights"], np.float32)

    def person(self, rng) -> "Head":
        return Head(self, rng)


def tint(texture: np.ndarray, colour) -> np.ndarray:
    """Grey values of a texture, mean one over what is opaque, in a colour."""
    grey = texture[..., :3].mean(-1, keepdims=True).astype(np.float32)
    alpha = texture[..., 3:] / np.float32(255)
    grey *= (alpha.sum() / max((grey * alpha).sum(), 1)) * 255
    return np.dstack([(grey * np.float32(colour)).clip(0, 255).astype(np.uint8), texture[..., 3:]])


class Head:
    """One identity with its texture and light."""

    def __init__(self, heads: Heads, rng):
        self.heads = heads
        skin = rng.choice(list(SKINS))
        sex, peoples, ages = SKINS[skin]
        people, age = rng.choice(peoples), rng.choice(ages)
        self.base = heads.base.copy()
        self.move(self.base, f"macro-{people}-{sex}-{age}", 1)
        self.move(self.base, f"macro-universal-{sex}-{age}-{rng.choice(['maxweight', 'minweight'])}", rng.uniform(0, 0.5))
        for detail in DETAILS:
            choices = [n for n in heads.targets if n.startswith(detail + "-") and "-r-" not in n and "head-trans" not in n]
            for name in rng.choice(choices, 4, replace=False):
                weight = rng.uniform(0, 0.45)
                self.move(self.base, name, weight)
                if "-l-" in name:
                    self.move(self.base, name.replace("-l-", "-r-"), weight)
        hair = str(rng.choice(HAIR[sex]))
        self.names = ["eyes", "teeth", "tongue", f"brow{rng.integers(1, 13):03d}", f"lash{rng.integers(1, 5):02d}", f"hair_{hair}"]
        if sex == "male" and rng.random() < 0.1:
            self.names.pop()
        self._texture(rng, skin, people, hair)
        self._mesh(rng)
        key = rng.normal(0, (0.6, 0.4, 0.2)) + (0, 0.5, 0.9)
        warm = np.array([1, 1, 1]) + rng.normal(0, 0.06) * np.array([1, 0, -1])
        ambient, power, face = rng.uniform(0.4, 0.7), rng.uniform(0.3, 0.7), heads.textures["skin_" + skin][350:650, 800:1000].mean() / 255
        exposure = np.clip(rng.uniform(0.35, 0.6) / (face * (ambient + 0.7 * power)), 0.6, 1.5)
        self.light = dict(key=key / np.linalg.norm(key), power=exposure * power * warm, ambient=exposure * ambient * warm[::-1])
        self.distance = rng.uniform(105, 160)

    def move(self, base: np.ndarray, target: str, weight: float):
        index, offset = self.heads.moves[target]
        base[index] += np.float32(weight) * offset

    def _texture(self, rng, skin: str, people: str, hair: str):
        t = self.heads.textures
        colour = HAIR_COLOURS[0 if people == "african" else rng.integers(3) if people == "asian" else rng.integers(len(HAIR_COLOURS))]
        brow, lash = self.names[3].removeprefix("brow"), self.names[4].removeprefix("lash")
        eye = rng.choice([n for n in t if n.endswith("_eye")] + ["brown_eye"] * 4) if people == "caucasian" else "brown_eye"
        pictures = {"skin": t["skin_" + skin], "eyes": t[eye], "teeth": t["teeth"], "tongue": t["tongue01_diffuse"], "lash": t["eyelashes" + lash]}
        brighter = lambda p, k: np.dstack([(p[..., :3] * np.float32(k)).clip(0, 255).astype(np.uint8), p[..., 3:]])
        pictures["teeth"], pictures["tongue"] = brighter(pictures["teeth"], (1.55, 1.5, 1.4)), brighter(pictures["tongue"], 0.6)
        pictures["lash"] = (pictures["lash"] * np.float32((1, 1, 1, 0.7))).astype(np.uint8)  # thinner
        grey = pictures["eyes"][..., :3].mean(-1, keepdims=True)
        pictures["eyes"] = np.dstack([(0.55 * pictures["eyes"][..., :3] + 0.45 * grey).astype(np.uint8), pictures["eyes"][..., 3:]])  # less red
        pictures |= {"brow": tint(t["eyebrow" + brow], colour), "hair": tint(t[hair + "_diffuse"], np.multiply(colour, 1.6))}
        self.atlas = np.zeros((*ATLAS_SIZE, 4), np.uint8)
        for name, picture in pictures.items():
            x, y, side = ATLAS[name]
            picture = picture if picture.shape[0] == side else cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
            self.atlas[y : y + side, x : x + side, : picture.shape[2]] = picture
            if name in ("skin", "teeth", "tongue"):
                self.atlas[y : y + side, x : x + side, 3] = 255
        self.opacity = np.ascontiguousarray(self.atlas[..., 3])

    def _mesh(self, rng):
        """One numbering for all: vertices split where their texture positions differ."""
        h, corners, uvs, first = self.heads, [], [], 0
        self.kind = []
        blocks = [("skin", h.base_corners, h.base_uv, len(self.base))]
        for name in self.names:
            part = h.part(name)
            blocks.append((name.split("_")[0].rstrip("0123456789"), part.corners, part.uv, len(part.ref)))
        first_of = {}
        for kind, tri, uv, count in blocks:
            first_of[kind] = slice(first, first + count)
            x, y, side = ATLAS[kind]
            corners.append(tri + (first, sum(map(len, uvs))))
            uvs.append(np.c_[uv[:, 0], 1 - uv[:, 1]] * (side - 1) + (x, y))
            self.kind += [kind] * len(tri)
            first += count
        corners, uv = np.concatenate(corners), np.concatenate(uvs)
        pairs, index = np.unique(corners[..., 0].ravel().astype(np.int64) * len(uv) + corners[..., 1].ravel(), return_inverse=True)
        self.vertex, self.uv = pairs // len(uv), uv[pairs % len(uv)].astype(np.float32)  # of the drawn vertices
        self.triangles, self.kind = index.reshape(-1, 3).astype(np.int32), np.array(self.kind)
        self.positions = corners[:, :, 0]
        rest = self.shape({})
        eyes = rest[len(self.base) : len(self.base) + len(h.part("eyes").ref)]
        self.origin = eyes.mean(0)
        self.eye_centres = np.stack([eyes[(eyes[:, 0] > 0) == left].mean(0) for left in (False, True)]) - self.origin
        teeth = rest[first_of["teeth"]] - self.origin
        rest, lips, chin = rest - self.origin, teeth[:, 2].max() + 0.8, teeth[:, 1].min() - 1
        x = np.clip((rest[:, 1] - chin - NECK[0]) / (NECK[1] - NECK[0]), 0, 1)
        self.follow = x * x * (3 - 2 * x)
        kinds = np.full(len(rest), "", dtype="U5")
        kinds[self.positions] = self.kind[:, None]
        self.eye_vertex = kinds == "eyes"
        inside = np.isin(kinds, ("teeth", "tongue"))
        self.shade = np.where(inside, 0.85 * np.exp(-(lips - rest[:, 2]).clip(0, 8) / 5), 1)
        below = chin - rng.uniform(5, 7) + 0.35 * np.abs(rest[:, 0]) - rest[:, 1]  # centimetres below the neckline
        self.shirt, self.cloth = np.where(kinds == "skin", below, -1)[self.vertex], (rng.uniform(20, 200) + rng.normal(0, 30, 3)).clip(5, 230)

    def shape(self, expression: dict[str, float]) -> np.ndarray:
        """All vertices (base, then parts), centimetres, MakeHuman's origin."""
        base = self.base.copy()
        for name, weight in expression.items():
            self.move(base, "arkit-" + name, weight)
        parts = [self.heads.part(name).place(base) + INSET.get(name, 0) for name in self.names]
        return 10 * np.concatenate([base, *parts])

    def camera(self, points: np.ndarray, pose: HeadPose) -> np.ndarray:
        """Turned by the share of the pose that each point follows (Rodrigues), in front of the camera."""
        turn = cv2.Rodrigues(rotation((0, 0, pose.turn[2])) @ rotation((pose.turn[1], 0, 0)) @ rotation((0, pose.turn[0], 0)))[0].ravel()
        angle = np.linalg.norm(turn)
        axis, a, p = turn / max(angle, 1e-9), (angle * self.follow)[:, None], points - PIVOT
        p = p * np.cos(a) + np.cross(axis, p) * np.sin(a) + axis * (p @ axis)[:, None] * (1 - np.cos(a))
        return p + PIVOT + pose.shift - (0, -1, self.distance)

    def view(self, pose: HeadPose, back: np.ndarray) -> HeadView:
        at = self.camera(self.shape(pose.expression) - self.origin, pose)
        across = np.cross(at[self.positions[:, 1]] - at[self.positions[:, 0]], at[self.positions[:, 2]] - at[self.positions[:, 0]])
        normal = np.stack([np.bincount(self.positions.ravel(), np.repeat(across[:, i], 3), len(at)) for i in range(3)], 1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        facing = normal @ self.light["key"]
        lit = self.light["ambient"] + self.light["power"] * facing.clip(0, 1)[:, None]
        half = self.light["key"] + (0, 0, 1)
        gloss = (normal @ (half / np.linalg.norm(half))).clip(0, 1)
        shine = np.where(self.eye_vertex, 150 * gloss**90, 14 * gloss**14) * (self.shade == 1)
        values = np.c_[self.uv, (lit * self.shade[:, None])[self.vertex], shine[self.vertex], self.shirt]
        screen = project(at)[self.vertex]
        n = SIDE * FINE
        layer = rasterise(np.c_[(screen[:, :2] + 0.5) * FINE - 0.5, screen[:, 2]], self.triangles, n, n, cutout=(self.uv, self.opacity))
        a = interpolate(*layer[:2], self.triangles, values)
        colour = bilinear(self.atlas, a[..., :2])[..., :3]
        colour = np.where(a[..., 6:] > 0, np.float32(self.cloth), colour) * a[..., 2:5] + a[..., 5:6]
        over = np.dstack([colour.clip(0, 255), np.full((n, n), 255, np.float32)]) * (layer[0] >= 0)[..., None]
        over = cv2.resize(over, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        picture = (over[..., :3] + back * (1 - over[..., 3:] / 255)).clip(0, 255).astype(np.uint8)
        return HeadView(screen, at, picture, over[..., 3].clip(0, 255).astype(np.uint8), layer)

    def flow(self, driver: HeadView, source: HeadView) -> tuple[np.ndarray, np.ndarray]:
        """As `repose.Person.flow`."""
        n = SIDE * FINE
        ids, bary, _ = (x[::FINE, ::FINE] for x in driver.layer)
        at = interpolate(ids, bary, self.triangles, source.at)
        k = ((at[..., :2] + 0.5) * FINE - 0.5).round().astype(int)
        x, y = k[..., 0].clip(0, n - 1), k[..., 1].clip(0, n - 1)
        seen = (x == k[..., 0]) & (y == k[..., 1]) & (at[..., 2] < source.layer[2][y, x] + SEEN)
        still = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1).astype(np.float32)
        where = np.where((ids >= 0)[..., None], at[..., :2] + np.float32((FINE - 1) / (2 * FINE)), still)
        return where.astype(np.float32), np.where(ids >= 0, seen, (driver.mask < 8) & (source.mask < 8))

    def points(self, view: HeadView) -> np.ndarray:
        """Landmarks and irises on the screen (478, 3)."""
        corner, weight = self.heads.landmarks
        return project((view.solid[corner] * weight[:, :, None]).sum(1))


def derive(heads: Heads, tracker, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Corners and weights (478, 3), read off renders of random people."""
    rng, grey, last = np.random.default_rng(seed), np.full((SIDE, SIDE, 3), 128, np.uint8), []

    def shots():
        for _ in range(VIEWS):
            head, jaw = heads.person(rng), rng.choice([0.0, 0.25, 0.4])
            turn = np.array([rng.normal(0, 0.2), rng.normal(0, 0.1), 0])
            view = head.view(HeadPose(turn, np.zeros(3), {"jawOpen": jaw}), grey)
            last[:] = [head]  # the first triangles are the same for all: base mesh, then eyes
            yield cv2.resize(view.picture, None, fx=FINE, fy=FINE), *view.layer[:2], jaw > 0.1

    common = heads.person(np.random.default_rng(0))
    neutral = 10 * np.concatenate([heads.base, heads.part("eyes").place(heads.base)])
    count = (common.positions < len(neutral)).all(1).sum()
    triangles, kind = common.positions[:count], common.kind[:count]
    widest = np.full(200_000, "none")
    widest[:count] = kind
    middle = read_off(tracker, shots(), neutral, common.positions, widest == "skin", widest == "eyes")
    moved = np.zeros(len(heads.base))
    for side in ("Left", "Right"):
        index, offset = heads.moves["arkit-eyeBlink" + side]
        moved[index] = np.maximum(moved[index], 10 * np.linalg.norm(offset, axis=1))
    drawn = np.unique(triangles[kind == "skin"])
    to_the_rim(middle, neutral[drawn], moved[drawn], 0.35)
    surfaces = (closest_on_surface(points, neutral, triangles[kind == k]) for points, k in ((middle[:468], "skin"), (middle[468:], "eyes")))
    corners, weights = zip(*surfaces)
    return np.concatenate(corners), np.concatenate(weights)


def main():
    from .tracker import Tracker

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--mesh", type=Path, required=True)
    args = parser.parse_args()
    corners, weights = derive(Heads(args.data / "synth/makehuman"), Tracker(args.data / "models", args.mesh))
    how = f"mesh v2 read off {VIEWS} renders of random people, nearest visible skin (irises: eye), median (heads.py)"
    CORRESPONDENCE.write_text(json.dumps({"derived": how, "corners": corners.tolist(), "weights": weights.round(4).tolist()}))


if __name__ == "__main__":
    main()
