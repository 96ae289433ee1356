"""The inside of a mouth where the photo shows too little of it: what mouths as open and as wide show on average, in the photo's light.

    python -m portrait_training.mouth --cache CACHE [--out ../mouth.safetensors]

`inside` (widths, openings, rows, columns, 3) are colours in units of the luminance of the cheeks, from the upper to the lower and from
the right to the left end of the inner lips; `cheeks` their own mean colour. Twin of the engine's `warp`.
"""

import argparse
import json
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .pins import LIPS, Face, covered, curve, dot, face
from .presets import EVALUATION_CLIPS, PINS, PRESETS
from .tps import grid

sys.path.insert(0, str(PRESETS.parent))
import tensorfile  # noqa: E402

FILE = PRESETS.parent / "mouth.safetensors"
WIDTHS = (0.45, 0.62)  # of the inner lips, of the distance between the outer corners of the eyes
OPENINGS = (0.12, 0.21, 0.31, 0.47, 0.7)  # of the inner lips in the middle, of their width
ROWS, COLUMNS = 16, 32
ENDS, MIDDLE = (38, 39), (36, 37)  # of the inner lips among the pins: right and left; upper and lower
EYES_AT, CORNERS = ((0, 2), (1, 3)), (26, 27)  # corners of each eye, of the lips
CHEEKS = (0.5, 0.65)  # on the way from the middle of an eye to the corner of the mouth
LUMINANCE = (0.299, 0.587, 0.114)
FULL, NONE = 0.35, 0.65  # how open the photo's mouth is, of what is wanted: from here on nothing, up to here all that shows is its own
SHADE, USUAL = 0.6, 0.55  # dark cheeks are half skin, half light: this power of their luminance counts, the rest is the usual one
MOST = 1.0  # times as colourful as usual: skin is, teeth are not
HUE = 0.25  # of how the hue of the cheeks differs from the usual
SHARE, SMILING = 0.2, 0.4  # of the frames: those that show teeth best
SMILE = 0.4  # a wide mouth that is open less smiles
BRIGHTEST = 1.2  # of anything in a mouth
CONTRAST, BRIGHT = 1.5, 0.8  # a mean is flatter than any mouth: what is darker than this is darkened by this power
PALE = 0.5  # less colourful is what is as bright as teeth: gums and lips of others are mixed into them
CLIPS = 6  # at least, or wide and narrow mouths are taken together


def luminance(colour: Tensor) -> Tensor:
    return colour @ torch.tensor(LUMINANCE, dtype=colour.dtype, device=colour.device)


def shape(pins: Tensor, f: Face) -> tuple[Tensor, Tensor]:
    """How wide a mouth is (B,), in distances of the outer corners of the eyes, and how open, in widths."""
    span = dot(pins[:, ENDS[1]] - pins[:, ENDS[0]], f.along).clamp(min=1e-3)
    return span / f.size[:, 0], dot(pins[:, MIDDLE[1]] - pins[:, MIDDLE[0]], f.across).clamp(min=0) / span


def cheeks(picture: Tensor, pins: Tensor) -> Tensor:
    """Mean colour (B, 3) of a picture (B, 3, H, W) at the cheeks."""
    eyes = pins[:, EYES_AT].mean(2)  # B, 2, 2
    spots = torch.cat([eyes * (1 - share) + pins[:, CORNERS] * share for share in CHEEKS], 1)
    return F.grid_sample(picture.float(), spots[:, None].float(), padding_mode="border", align_corners=True)[:, :, 0].mean(2)


class Mouth(NamedTuple):
    inside: Tensor
    cheeks: Tensor

    @staticmethod
    @cache
    def load() -> "Mouth":
        tensors, _ = tensorfile.read(FILE)
        return Mouth(*(torch.from_numpy(tensors[name].astype(np.float32)) for name in ("inside", "cheeks")))

    def of(self, picture: Tensor, pins: Tensor) -> Tensor:
        """In a photo's light: (B, widths, openings, rows, columns, 3), in [0, 1].

        As colourful as its cheeks are, and with a quarter of how their hue differs: what light and camera do to them, not the skin itself.
        """
        skin, spread = cheeks(picture, pins), lambda x: x[:, None, None, None, None]
        light, grey = luminance(skin)[:, None].clamp(min=0.02), luminance(self.inside)[..., None]
        tint, usual = skin / light - 1, self.cheeks - 1
        colourful = (tint.norm(dim=1, keepdim=True) / usual.norm()).clamp(max=MOST)
        shift = HUE * (tint - usual * colourful)
        light = light**SHADE * USUAL ** (1 - SHADE)
        return (spread(light) * (grey + (self.inside - grey) * spread(colourful) + grey * spread(shift))).clamp(0, 1)


def between(nodes: tuple[float, ...], at: Tensor) -> Tensor:
    """Weights (B, N) of linear interpolation between nodes, constant beyond them."""
    eye = torch.eye(len(nodes), device=at.device)[None].expand(len(at), -1, -1)
    return curve(torch.tensor([nodes], device=at.device).expand(len(at), -1), eye, at[:, None])[:, 0]


def show(mouth: Tensor, source: Tensor, driver: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """What to show of a photo's mouth (see `Mouth.of`), (B, 3, side, side), how much of it, and where the driver's lips part, (B, 1, side, side)."""
    f, pixel = face(driver), 2 / (side - 1)
    at = grid(side, driver.device).expand(len(driver), -1, -1, -1)
    (width, wanted), shown = shape(driver, f), shape(source, face(source))[1]
    amount = ((NONE - shown / wanted.clamp(min=1e-3)) / (NONE - FULL)).clamp(0, 1)
    layer = torch.einsum("bw,bo,bworsc->bcrs", between(WIDTHS, width), between(OPENINGS, wanted), mouth)
    u, v = dot(at, f.along), dot(at, f.across)
    rims = [curve(dot(driver[:, rim], f.along).cummax(1).values, dot(driver[:, rim], f.across)[..., None], u)[..., 0] for rim in LIPS[1:3]]
    middle, gap = (rims[0] + rims[1]) / 2, (rims[1] - rims[0]).clamp(min=0)
    right, left = (dot(driver[:, i], f.along)[:, None, None] for i in ENDS)
    column = (u - right) / (left - right).clamp(min=1e-3) * COLUMNS - 0.5
    row = ((v - middle) / gap.clamp(min=1e-4) + 0.5) * ROWS - 0.5
    inside = covered(v, middle - gap / 2, middle + gap / 2, pixel) * ((u > right) & (u < left))
    where = torch.stack([column * 2 / (COLUMNS - 1) - 1, row * 2 / (ROWS - 1) - 1], -1)
    return F.grid_sample(layer, where, padding_mode="border", align_corners=True), (amount[:, None, None] * inside)[:, None], inside[:, None]


def seen(picture: Tensor, pins: Tensor) -> Tensor:
    """The inside of the mouth of one picture (1, 3, H, W), (ROWS, COLUMNS, 3), in units of the luminance of its cheeks."""
    f, lips = face(pins), [pins[:, rim[1:-1]] for rim in LIPS[1:3]]
    along = [dot(rim, f.along) for rim in lips]
    share = (torch.arange(COLUMNS) + 0.5) / COLUMNS
    u = along[0][:, :1] * (1 - share) + along[0][:, -1:] * share
    upper, lower = (curve(a.cummax(1).values, dot(rim, f.across)[..., None], u)[..., 0] for a, rim in zip(along, lips))
    v = upper + (lower - upper) * ((torch.arange(ROWS) + 0.5) / ROWS)[:, None]
    where = u[..., None] * f.along + v[..., None] * f.across
    colours = F.grid_sample(picture, where[None], padding_mode="border", align_corners=True)[0].permute(1, 2, 0)
    return colours / luminance(cheeks(picture, pins)).clamp(min=0.02)


def fit(rows, pins: Tensor) -> tuple[np.ndarray, np.ndarray, int]:
    """`inside` and `cheeks` from frames and their pins (N, 44, 2), and of how many frames."""
    width, opening = (x.numpy() for x in shape(pins, face(pins)))
    use = np.flatnonzero(~np.isin(rows.clip, EVALUATION_CLIPS) & (opening > OPENINGS[0] / 2))
    found, skins = [], []
    for i in use:
        picture = torch.from_numpy(np.array(rows.frames[i], np.float32) / 255).permute(2, 0, 1)[None]
        found.append(seen(picture, pins[i : i + 1]))
        skins.append(cheeks(picture, pins[i : i + 1])[0])
    found = torch.stack(found)
    found = ((found + found.flip(2)) / 2).clamp(min=0.02)
    found = found * (BRIGHTEST / luminance(found)).clamp(max=1)[..., None]
    light = luminance(found)[:, :, COLUMNS // 4 : -COLUMNS // 4]
    teeth, dark = light[:, 1 : ROWS // 2 - 1].mean((1, 2)), light[:, ROWS // 2 : ROWS * 13 // 16].mean((1, 2))
    nearest = lambda nodes, x: np.abs(np.array(nodes) - x[:, None]).argmin(1)
    w, o, clip = nearest(WIDTHS, width[use]), nearest(OPENINGS, opening[use]), rows.clip[use]
    inside, taken = np.zeros((len(WIDTHS), len(OPENINGS), ROWS, COLUMNS, 3), np.float32), 0
    for i, j in np.ndindex(inside.shape[:2]):
        # A smile is full of teeth; in any other mouth they stand out against the dark.
        smile = i == 1 and OPENINGS[j] < SMILE
        best = lambda group, score, share: group[np.argsort(-score[group])[: max(1, round(share * len(group)))]]
        group = best(np.flatnonzero((w == i) & (o == j)), teeth if smile else teeth - dark, SMILING if smile else SHARE)
        if len(set(clip[group])) < CLIPS:
            group = best(np.flatnonzero(o == j), teeth - dark, SHARE)
        share = np.array([1 / (clip[group] == clip[k]).sum() for k in group], np.float32)
        # The geometric mean: what is dark in most of them stays dark.
        mean = torch.from_numpy(np.exp(np.einsum("n,nrsc->rsc", share / share.sum(), found[group].log().numpy())))
        grey = luminance(mean)[..., None]
        bright = (grey / BRIGHT).clamp(max=1)
        inside[i, j] = (grey + (mean - grey) * (1 - PALE * bright**2)) * bright ** (CONTRAST - 1)
        taken += len(group)
        print(f"{'wide' if i else 'narrow'}, open by {OPENINGS[j]}: {len(group)} frames of {len(set(clip[group]))} clips")
    skins = torch.stack(skins)
    return inside, (skins / luminance(skins)[:, None].clamp(min=0.02)).mean(0).numpy(), taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=FILE)
    args = parser.parse_args()
    from .rows import Cache  # the mouth itself needs no video reader

    rows = Cache(args.cache)
    inside, skin, frames = fit(rows, torch.from_numpy(rows.fk_engine[:, PINS[:44]]).float())
    clips = np.setdiff1d(rows.clip, EVALUATION_CLIPS)
    metadata = {"title": "the inside of a mouth", "training_clips": json.dumps(clips.tolist()), "frames": str(frames)}
    tensorfile.write(args.out, {"inside": inside.astype(np.float16), "cheeks": skin.astype(np.float32)}, metadata)


if __name__ == "__main__":
    main()
