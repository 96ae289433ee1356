"""The refiner: a small network that sees eyes and mouth from near and says where lids, lips and irises are.

    python -m portrait_training.refine --data DATA --mesh face_landmark.tflite --people CACHE --cache REFINE [--jobs 2] [--out ../refiner.safetensors]

Mesh v1, which the engine can run each frame, moves lids half as far as eyes do and knows no irises; mesh v2 is right more often and
makes the labels, but for winks and lowered lids (refine_posed.py). The refiner looks at three upright crops placed by mesh v1 (right
eye, left eye mirrored, mouth), and at each crop alone: the same network at both eyes, or it would learn that eyes close together;
only the linear map of the mesh's points connects them.
"""

import argparse
import copy
import json
import sys
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import refine_data
from .networks import Conv, mixed
from .prepare import POSED
from .presets import EVALUATION_CLIPS, EYES, INDICES, IRISES, LIPS, MIRROR, PRESETS

sys.path.insert(0, str(PRESETS.parent))
import tensorfile  # noqa: E402

SIDE = 48  # of a crop
CROPS = ("eye", "eye", "mouth")  # the network that looks at each
WIDTHS = {"eye": (32, 48, 64), "mouth": (48, 64, 96)}
POOL = 2500  # batches kept in memory: 3.4 GB at 64
EYE, MOUTH = 0.55, 0.9  # sides of the crops, in sizes of the face
RIGHT_OUTER, LEFT_OUTER, RIGHT_INNER, LEFT_INNER = (INDICES.index(i) for i in (33, 263, 133, 362))
MOUTH_ENDS = [INDICES.index(i) for i in (61, 291, 0, 17)]
# The points of each crop; right and left eye are listed alternately, so that equal places are mirror images.
POINTS = [EYES[0::2] + IRISES[:1], EYES[1::2] + IRISES[1:], LIPS]
ALL = sum(POINTS, [])
MESH = [p for p in ALL if p not in IRISES]
FILE = PRESETS.parent / "refiner.safetensors"


class Crops:
    """Where the crops of faces lie: `centre` (B, 3, 2), `x` and `y` (B, 3, 2), the crop's sides. From points (B, >= 106, 2) in pixels."""

    def __init__(self, points: np.ndarray):
        p = points.astype(np.float64)
        right, left, mouth = p[:, RIGHT_OUTER], p[:, LEFT_OUTER], p[:, MOUTH_ENDS].mean(1)
        across = left - right
        width = np.linalg.norm(across, axis=1, keepdims=True)
        # A turned head shows less width, a nodding one less height.
        size = np.maximum(width, 1.25 * np.linalg.norm((right + left) / 2 - mouth, axis=1, keepdims=True))
        u = across / width
        v = np.stack([-u[:, 1], u[:, 0]], -1)
        self.centre = np.stack([(right + p[:, RIGHT_INNER]) / 2, (left + p[:, LEFT_INNER]) / 2, mouth], 1)
        self.x = np.stack([EYE * size * u, -EYE * size * u, MOUTH * size * u], 1)
        self.y = np.stack([EYE * size * v, EYE * size * v, MOUTH * size * v], 1)

    def into(self, points: np.ndarray) -> np.ndarray:
        """Points (B, 108, 2) in pixels -> (B, 46, 2) in units of their crop, 0 in the middle, in the order of `ALL`; without the irises,
        (B, 106, 2) -> (B, 44, 2)."""
        out = []
        for i, which in enumerate(POINTS):
            which = [p for p in which if p < points.shape[1]]
            d, x, y = points[:, which] - self.centre[:, i, None], self.x[:, i, None], self.y[:, i, None]
            square = (x**2).sum(-1)
            out.append(np.stack([(d * x).sum(-1) / square, (d * y).sum(-1) / square], -1))
        return np.concatenate(out, 1)

    def out(self, refined: np.ndarray, points: np.ndarray) -> np.ndarray:
        """The inverse: (B, 46, 2), put into a copy of points (B, 106, 2) -> (B, 108, 2)."""
        full, at = np.concatenate([points, np.zeros_like(points[:, :2])], 1), 0
        for i, which in enumerate(POINTS):
            q, at = refined[:, at : at + len(which)], at + len(which)
            full[:, which] = self.centre[:, i, None] + q[..., :1] * self.x[:, i, None] + q[..., 1:] * self.y[:, i, None]
        return full

    def cut(self, picture: np.ndarray, row: int = 0) -> np.ndarray:
        """The crops of one face as bytes (9, 48, 48): three colours each. Large faces are averaged, as the engine does."""
        atlas = []
        for c, x, y in zip(self.centre[row], self.x[row], self.y[row]):
            taps = int(np.clip(np.ceil(np.linalg.norm(x) / SIDE), 1, 4))
            n = taps * SIDE
            turn = np.stack([x, y], 1) / n
            matrix = np.c_[turn, c + turn @ np.full(2, 0.5 - n / 2)]
            crop = cv2.warpAffine(picture, matrix, (n, n), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
            atlas.append((crop if taps == 1 else cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA)).transpose(2, 0, 1))
        return np.concatenate(atlas)


class Look(nn.Module):
    """One crop (B, 3, 48, 48) in [0, 1] -> coordinates (B, 2 n), what convolutions see of n points. Squares of 2 x 2 pixels are folded
    into channels."""

    def __init__(self, widths: tuple[int, ...], points: int):
        super().__init__()
        self.convs = nn.Sequential(*(Conv(a, b, 3, 2) for a, b in zip((12, *widths), widths)))
        self.head = nn.Linear(widths[-1] * 9, 2 * points)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, crop: Tensor) -> Tensor:
        return self.head(self.convs(F.pixel_unshuffle(crop, 2)).flatten(1))


class Refiner(nn.Module):
    """Crops (B, 9, 48, 48) in [0, 1] and the mesh's points in them (B, 44, 2) -> points (B, 46, 2) in units of their crop: what is
    seen, plus a linear map of the mesh's points."""

    def __init__(self):
        super().__init__()
        self.eye, self.mouth = Look(WIDTHS["eye"], len(POINTS[0])), Look(WIDTHS["mouth"], len(POINTS[2]))
        self.map = nn.Linear(2 * len(MESH), 2 * len(ALL), bias=False)
        keep = torch.zeros(len(ALL), 2, len(MESH), 2)
        for i, point in enumerate(MESH):
            keep[ALL.index(point), 0, i, 0] = keep[ALL.index(point), 1, i, 1] = 1
        self.map.weight.data = keep.flatten(2).flatten(0, 1)

    def forward(self, atlas: Tensor, mesh: Tensor) -> Tensor:
        crops = atlas.unflatten(1, (3, 3))
        with mixed("cpu"):
            eyes = self.eye(crops[:, :2].flatten(0, 1)).unflatten(0, (-1, 2)).flatten(1)
            seen = torch.cat([eyes, self.mouth(crops[:, 2])], 1)
        return (seen.float() + self.map(mesh.flatten(1))).unflatten(1, (-1, 2))


def export(net: Refiner) -> dict[str, np.ndarray]:
    """Batch norm folded; the heads as convolutions over what is left of the picture."""
    tensors, net = {"map.weight": net.map.weight}, copy.deepcopy(net)
    for name, look in (("eye", net.eye), ("mouth", net.mouth)):
        for i, conv in enumerate(look.convs):
            conv.without_norm()
            tensors |= {f"{name}.convs.{i}.weight": conv[0].weight, f"{name}.convs.{i}.bias": conv[0].bias}
        tensors |= {f"{name}.head.weight": look.head.weight.unflatten(1, (-1, 3, 3)), f"{name}.head.bias": look.head.bias}
    return {name: t.detach().numpy().astype(np.float16) for name, t in tensors.items()}


class Exported:
    """The refiner of a weight file, f32 arithmetic."""

    def __init__(self, tensors: dict[str, np.ndarray]):
        self.tensors = {name: torch.from_numpy(t.astype(np.float32)) for name, t in tensors.items()}

    @staticmethod
    def load(path: Path = FILE) -> "Exported":
        return Exported(tensorfile.read(path)[0])

    def look(self, name: str, crop: Tensor) -> Tensor:
        x, t = F.pixel_unshuffle(crop, 2), self.tensors
        for i in range(len(WIDTHS[name])):
            x = F.relu(F.conv2d(x, t[f"{name}.convs.{i}.weight"], t[f"{name}.convs.{i}.bias"], 2, 1))
        return F.linear(x.flatten(1), t[f"{name}.head.weight"].flatten(1), t[f"{name}.head.bias"])

    @torch.no_grad()
    def net(self, atlas: np.ndarray, mesh: np.ndarray) -> np.ndarray:
        """Crops as bytes (B, 9, 48, 48) and the mesh's points in them (B, 44, 2) -> (B, 46, 2)."""
        crops = (torch.from_numpy(atlas).float() / 255).unflatten(1, (3, 3)).unbind(1)
        seen = torch.cat([self.look(name, crop) for name, crop in zip(CROPS, crops)], 1)
        return (seen + F.linear(torch.from_numpy(mesh).float().flatten(1), self.tensors["map.weight"])).unflatten(1, (-1, 2)).numpy()

    def __call__(self, picture: np.ndarray, points: np.ndarray) -> np.ndarray:
        """The 106 points of mesh v1 in a picture, in pixels -> 108 points: eyes and lips refined, the right and the left iris."""
        crops = Crops(points[None])
        return crops.out(self.net(crops.cut(picture)[None], crops.into(points[None])), points[None])[0].astype(np.float32)


def pairs(upper: list[int], lower: list[int]) -> list[list[int]]:
    """Places in `ALL` of mesh points that lie opposite each other."""
    return [[ALL.index(INDICES.index(i)) for i in side] for side in (upper, lower)]


LIDS = pairs([246, 160, 159, 158, 173, 466, 387, 386, 385, 398], [7, 144, 145, 153, 155, 249, 373, 374, 380, 382])
MOUTHS = pairs([13, 81, 311], [14, 178, 402])
SHUT = 2.0  # hundredths of the face's size: lids less apart than that weigh twice as much, and more
UNITS = torch.tensor([EYE] * (len(POINTS[0]) + len(POINTS[1])) + [MOUTH] * len(LIPS))[:, None]


def loss(got: Tensor, want: Tensor, known: Tensor) -> Tensor:
    """Mean distance in hundredths of the face's size, and of the vectors across lids and lips: these are what one sees, and of lids
    most of all whether they are shut. known (B, 46, 1): 0 where nothing is known of a point, else 1."""
    error, want = (got - want) * UNITS * 100 * known, want * UNITS * 100
    across = lambda x, pair: x[:, pair[0]] - x[:, pair[1]]
    shut = 1 / (1 + (across(want, LIDS).norm(dim=2, keepdim=True) / SHUT) ** 2)
    gaps = (across(error, LIDS).abs() * (1 + 2 * shut)).mean() + across(error, MOUTHS).abs().mean()
    return F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.3) + gaps


def batches(cache: Path, rows: np.ndarray, share: np.ndarray, batch: int, seed: int, queue):
    """Puts batches of augmented crops and labels into a queue."""
    cv2.setNumThreads(1)
    data, rng = refine_data.Labels(cache), np.random.default_rng(seed)
    while True:
        atlas, known = np.empty((batch, 9, SIDE, SIDE), np.uint8), np.ones((batch, len(ALL), 1), np.float32)
        mesh, want = np.empty((batch, len(MESH), 2), np.float32), np.empty((batch, len(ALL), 2), np.float32)
        for i, row in enumerate(rng.choice(rows, batch, p=share)):
            picture, v1, v2 = data.frames[row], data.v1[row], data.v2[row]
            if rng.random() < 0.5:
                picture, v1, v2 = picture[:, ::-1], flipped(v1), flipped(v2)
            picture, corner = refine_data.near(picture, v1)
            v1, v2 = refine_data.jittered(v1 - corner, rng), v2 - corner
            crops = Crops(v1[None])
            refine_data.jitter_crops(crops, rng)
            atlas[i] = refine_data.occluded(crops.cut(refine_data.degraded(picture, rng)), rng)
            mesh[i], want[i] = crops.into(v1[None])[0], crops.into(v2[None])[0]
            if data.clip[row] == POSED:  # drawn for the sake of their eyes
                known[i, len(ALL) - len(LIPS) :] = 0
        queue.put((atlas, mesh, want, known))


def flipped(points: np.ndarray) -> np.ndarray:
    """Points (106 or 108, 2) of the mirrored picture."""
    order = MIRROR + IRISES[::-1][: len(points) - len(MIRROR)]
    return np.array([refine_data.PICTURE - 1, 0], np.float32) + points[order] * np.array([-1, 1], np.float32)


def train(cache: Path, rows: np.ndarray, share: np.ndarray, steps: int, batch: int, rate: float, workers: int, seed: int = 0) -> Refiner:
    """Returns the running average of the weights."""
    torch.manual_seed(seed)
    net = Refiner()
    average = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True)
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.05)
    context, share = get_context("spawn"), share / share.sum()
    queue, pool, rng = context.Queue(8), [], np.random.default_rng(seed)
    work = [(cache, rows, share, batch, seed * 100 + w, queue) for w in range(workers)]
    processes = [context.Process(target=batches, args=w, daemon=True) for w in work]
    for p in processes:
        p.start()
    mean = 0.0
    for step in range(steps):
        # Making a batch takes longer than learning from it: each is used several times.
        while len(pool) < min(steps, POOL) and (len(pool) < 50 or not queue.empty()):
            pool.append(queue.get())
        if len(pool) == POOL and step % 4 == 0 and not queue.empty():
            pool[rng.integers(POOL)] = queue.get()
        atlas, mesh, want, known = map(torch.from_numpy, pool[rng.integers(len(pool))])
        value = loss(net(atlas.float() / 255, mesh), want, known)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        schedule.step()
        average.update_parameters(net)
        mean += (value.item() - mean) / min(step + 1, 200)
        if step % 200 == 199:
            print(f"step {step + 1}: loss {mean:.3f}, {len(pool)} batches", flush=True)
    for p in processes:
        p.terminate()
    return average.module.eval()


def refined(net: Exported, frames: np.ndarray, v1: np.ndarray) -> np.ndarray:
    """Frames (N, 256, 256, 3), points of mesh v1 (N, 106, 2) -> (N, 108, 2), pixels."""
    crops = Crops(v1)
    atlas = np.stack([crops.cut(np.asarray(frames[i]), i) for i in range(len(v1))])
    known = crops.into(v1)
    found = [net.net(atlas[i : i + 256], known[i : i + 256]) for i in range(0, len(v1), 256)]
    return crops.out(np.concatenate(found), v1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "mesh", "cache"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--people", type=Path, required=True, help="a cache of portrait_training.prepare and .fit")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--fold", type=int, help="leave out training clips of this number modulo 5 and report on them")
    parser.add_argument("--out", type=Path, default=FILE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if not (args.cache / "table.npz").exists():
        refine_data.prepare(args.data, args.mesh, args.people, args.cache, args.jobs)
    data = refine_data.Labels(args.cache)
    test, posed = np.isin(data.clip, EVALUATION_CLIPS), data.clip == POSED
    if not posed.any():
        raise SystemExit(f"{args.cache} has no re-posed photographs: remove it, so that it is made anew")
    strangers = posed & (data.frame % 10 == 0)  # their stills are still learned from, as photographed
    left_out = test if args.fold is None else (data.clip >= 0) & (data.clip % 5 == args.fold) & ~test
    rows = np.flatnonzero(~test & ~left_out & ~strangers)
    net = Exported(export(train(args.cache, rows, data.share(rows), args.steps, args.batch, args.rate, args.jobs)))

    def report(shown: np.ndarray) -> dict:
        v1, v2, clip, frame = (column[shown] for column in (data.v1, data.v2, data.clip, data.frame))
        ours = refined(net, data.frames[shown], v1)
        return {"mesh_v1": refine_data.metrics(v1, v2, clip, frame), "refined": refine_data.metrics(ours, v2, clip, frame)}

    metrics = {"clips": report(np.flatnonzero(left_out)), "posed": report(np.flatnonzero(strangers))}
    print(json.dumps(metrics, indent=1))
    if args.fold is None:
        protocol = (
            "clips: the 9 evaluation clips, all frames, against mesh v2, mean of clips; "
            "posed: re-posed photographs of every tenth person, of whom the photographs alone were learned from, against their geometry; "
            "pixels of 256"
        )
        metadata = {
            "architecture": "refiner-2",
            "licences": "as the repository",
            "data_sources": "landmarks of MediaPipe mesh v2 on the 78 training clips and 1,065 stills of the training data; "
            "the stills re-posed with ICT-FaceKit (MIT), with the landmarks of their geometry",
            "metrics": json.dumps({"protocol": protocol} | metrics),
        }
        tensorfile.write(args.out, {name: t.numpy().astype(np.float16) for name, t in net.tensors.items()}, metadata)


if __name__ == "__main__":
    main()
