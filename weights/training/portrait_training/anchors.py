"""Anchors: ten places of a person, five of the torso and five of the head's outline, and what can tell where they have gone.

    python -m portrait_training.anchors follow --cache CACHE --weights portrait_s.safetensors --out anchors.npz [--clip N ...]
    python -m portrait_training.anchors judge --cache CACHE --anchors anchors.npz

`follow` finds them in every cached frame: the reference of a clip is the frame nearest to its median pose, and the flow from there to each
frame, corrected by optical flow, carries them. `judge` asks on the evaluation clips how near three predictors come: that they stand still; a
linear function of the facial points, fitted to the other clips; and that function corrected by matching, which compares the grey pictures
about each place in the reference with the frame. Errors are those left after a constant in each clip, which a relative motion does not see.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from .alignment import aligned, blur
from .export import load
from .folded import sample
from .networks import Portrait, mixed
from .prepare import SIDE, STILL, normalised
from .presets import EVALUATION_CLIPS, EYES
from .rows import Cache
from .stream import IRIS_CENTRES

TORSO, HEAD = slice(0, 5), slice(5, 10)
ROWS = ((244, (0.15, 0.5, 0.85)), (214, (0.15, 0.85)))  # rows of the picture, and shares of the person's width there
MARGIN = 6  # pixels from the outline inwards
SMALL = SIDE // 2  # side of the pictures that are followed and matched
AROUND = 2.5  # sigma in pixels of SMALL, over which a followed flow is averaged
REACH, SEARCH = 10, 10  # pixels of SMALL: half the side of what is compared, and of where it is looked for
NEAR = 0.6  # correlation that a match at the end of the search loses
SHARP = 0.03  # differences of correlation over which matches are averaged
BATCH = 12


def places(mask: np.ndarray, facial: np.ndarray) -> np.ndarray:
    """Pixels (10, 2) in a picture of SIDE, of the person's mask (SIDE, SIDE) u8 and facial points (106, 2) in [-1, 1]."""
    right, left = ((facial[EYES[i]] + 1) * ((SIDE - 1) / 2) for i in (0, 1))
    middle, across = (right + left) / 2, (left - right) / np.linalg.norm(left - right)
    down, person, out = np.array([-across[1], across[0]]), mask > 127, []
    for row, shares in ROWS:
        columns = np.flatnonzero(person[row])
        ends = (columns[0], columns[-1]) if len(columns) > 8 else (SIDE * 5 // 16, SIDE * 11 // 16)
        out += [(ends[0] + share * (ends[1] - ends[0]), row) for share in shares]
    for direction in (-down, -down - across, -down + across, -across, across):
        direction, far = direction / np.linalg.norm(direction), 20
        while True:
            x, y = (middle + (far + 1) * direction).round().astype(int)
            if not (2 <= x < SIDE - 2 and 2 <= y < SIDE - 2 and person[y, x]):
                break
            far += 1
        out.append(middle + max(20, far - MARGIN) * direction)
    return np.array(out, np.float32)


def reference(cache: Cache, rows: np.ndarray) -> int:
    """Which of the rows is nearest to their median pose."""
    points = cache.fk_v2[rows]
    return int(np.abs(points - np.median(points, 0)).mean((1, 2)).argmin())


@torch.no_grad()
def followed(net: Portrait, cache: Cache, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the reference in each row, (rows, 10, 2) in [-1, 1], and how far they are to be trusted, (rows, 10) in 0..1."""
    tensor = lambda a: torch.from_numpy(np.ascontiguousarray(a)).float()
    picture = lambda a: F.avg_pool2d(tensor(a).permute(0, 3, 1, 2) / 255, SIDE // SMALL)
    mask = lambda r: F.avg_pool2d(tensor(cache.masks[r])[:, None] / 255, SIDE // SMALL)
    facial = lambda r: torch.cat([tensor(cache.fk_engine[r]), tensor(cache.iris[r])[:, IRIS_CENTRES]], 1)
    first = rows[reference(cache, rows)]
    at, points, trusts = tensor(normalised(places(cache.masks[first], cache.fk_v2[first]))), [], []
    for s in np.split(rows, range(BATCH, len(rows), BATCH)):
        d = np.repeat(first, len(s))
        batch = dict(src=picture(cache.frames[s]), drv=picture(cache.frames[d]), back=picture(cache.backs[s]), smask=mask(s))
        batch |= dict(fk_s=facial(s), fk_d=facial(d))
        with mixed("cpu"):
            flow = net.motion(batch)["flow"].float()
        for _ in range(2):
            flow, trust = aligned(flow, sample(batch["src"], flow.permute(0, 2, 3, 1)), batch["drv"])
        person = mask(d)
        trust = trust * (person > 0.5)
        read = sample(blur(torch.cat([flow * trust, trust, person], 1), AROUND), at.expand(len(s), 1, -1, -1))[:, :, 0]
        points.append((read[:, :2] / read[:, 2:3].clamp(min=1e-3)).transpose(1, 2))
        trusts.append((read[:, 2] / read[:, 3].clamp(min=0.05)).clamp(max=1))
    return torch.cat(points).numpy(), torch.cat(trusts).numpy()


def matched(frames: np.ndarray, first: int, places: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Where the grey pictures (N, SMALL, SMALL) show what frame `first` shows at `places` (P, 2), looked for about `predicted` (N, P, 2).

    All in [-1, 1]. Mean of all displacements, weighed by e to the correlation over SHARP, far ones less."""
    half, pad = (SMALL - 1) / 2, REACH + SEARCH
    pixel = lambda p: ((p + 1) * half).clip(0, SMALL - 1).round().astype(int)
    padded = [cv2.copyMakeBorder(f, pad, pad, pad, pad, cv2.BORDER_REPLICATE) for f in frames]
    around = lambda f, at, reach: f[at[1] + pad - reach : at[1] + pad + reach + 1, at[0] + pad - reach : at[0] + pad + reach + 1]
    y, x = np.mgrid[-SEARCH : SEARCH + 1, -SEARCH : SEARCH + 1]
    out = np.empty_like(predicted)
    for j, place in enumerate(places):
        home = pixel(place)
        patch = around(padded[first], home, REACH)
        for n, f in enumerate(padded):
            start = pixel(predicted[n, j])
            score = cv2.matchTemplate(around(f, start, pad), patch, cv2.TM_CCOEFF_NORMED)
            score = np.nan_to_num(score) - NEAR * (x**2 + y**2) / SEARCH**2
            weight = np.exp((score - score.max()) / SHARP)
            step = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
            out[n, j] = place + (start - home + step) / half
    return out


def varying(points: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """Points (N, P, 2) less their trusted mean."""
    return points - (points * trust[..., None]).sum(0) / trust.sum(0).clip(1e-3)[:, None]


def error(points: np.ndarray, truth: np.ndarray, trust: np.ndarray) -> tuple[float, float]:
    """What is left beside a constant of each place, in pixels of SIDE: torso, head."""
    apart = np.linalg.norm(varying(points - truth, trust), axis=-1) * trust * ((SIDE - 1) / 2)
    return tuple(float(apart[:, part].sum() / trust[:, part].sum().clip(1e-3)) for part in (TORSO, HEAD))


def judge(cache: Cache, points: np.ndarray, trust: np.ndarray) -> dict[str, tuple[float, float]]:
    """Errors of the three predictors, mean of the evaluation clips. `points` (rows, 10, 2), `trust` (rows, 10), as `follow` writes them."""
    missing = sorted(set(cache.clip[np.isnan(trust).any(1)]) - {STILL})
    if missing:
        raise SystemExit(f"clips {', '.join(map(str, missing))} were not followed: run `follow` without --clip")
    trust = trust * (np.abs(points).max(-1) < 1)
    of = {clip: np.flatnonzero(cache.clip == clip) for clip in set(cache.clip) - {STILL}}
    facial = lambda rows: cache.fk_engine[rows].reshape(len(rows), -1)
    moved = lambda rows: facial(rows) - facial(rows).mean(0)
    train = [rows for clip, rows in sorted(of.items()) if clip not in EVALUATION_CLIPS]
    x, weight = np.concatenate([moved(r) for r in train]), np.concatenate([trust[r].mean(1) for r in train])[:, None]
    y = np.concatenate([varying(points[r], trust[r]).reshape(len(r), -1) for r in train])
    linear = np.linalg.solve((x * weight).T @ x + 10 * np.eye(x.shape[1]), (x * weight).T @ y)
    results = {"still": [], "facial points": [], "matched": []}
    for clip in EVALUATION_CLIPS:
        rows = of[clip]
        first, truth = reference(cache, rows), points[rows]
        led = truth[first] + ((facial(rows) - facial(rows[first : first + 1])) @ linear).reshape(truth.shape)
        grey = [cv2.cvtColor(cv2.resize(cache.frames[r], (SMALL, SMALL), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY) for r in rows]
        predictions = (np.zeros_like(truth), led, matched(np.stack(grey), first, truth[first], led))
        for name, prediction in zip(results, predictions):
            results[name].append(error(prediction, truth, trust[rows]))
    return {name: tuple(np.mean(rows, 0)) for name, rows in results.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("follow", "judge"))
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="of `follow`: whose flow leads")
    parser.add_argument("--anchors", type=Path, help="of `judge`: what `follow` wrote")
    parser.add_argument("--clip", type=int, action="append", help="of `follow`: only this clip")
    parser.add_argument("--out", type=Path, help="of `follow`")
    args = parser.parse_args()
    cache = Cache(args.cache)
    if args.command == "judge":
        if not args.anchors:
            parser.error("judge needs --anchors")
        file = np.load(args.anchors)
        for name, (torso, head) in judge(cache, file["points"], file["trust"]).items():
            print(f"{name:>14}: torso {torso:.2f} px, head {head:.2f} px")
        return
    if not (args.weights and args.out):
        parser.error("follow needs --weights and --out")
    net, count = load(args.weights), len(cache.clip)
    points, trust = np.full((count, 10, 2), np.nan, np.float32), np.full((count, 10), np.nan, np.float32)
    for clip in args.clip or sorted(set(cache.clip) - {STILL}):
        rows = np.flatnonzero(cache.clip == clip)
        if not len(rows):
            raise SystemExit(f"{args.cache} has no clip {clip}")
        points[rows], trust[rows] = followed(net, cache, rows)
        print(f"clip {clip}: {len(rows)} frames, trust {trust[rows].mean():.2f}", flush=True)
    np.savez(args.out, points=points, trust=trust)


if __name__ == "__main__":
    main()
