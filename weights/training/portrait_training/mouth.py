"""The inside of a mouth where the photo shows too little of it: what mouths as open and as wide show on average, in the photo's light.

    python -m portrait_training.mouth --cache CACHE [--out ../mouth.safetensors]

`inside` (widths, openings, rows, columns, 3) are colours in units of the luminance of the cheeks, from the upper to the lower and from
the right to the left end of the inner lips; `cheeks` their own mean colour. A mean of mouths has no single teeth: where it is as bright
and as pale as teeth, they are drawn. Twin of the engine's `warp`.
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
FULL, NONE = 0.5, 0.66  # how open the photo's mouth is, of what is wanted: from here on nothing, up to here all that shows is its own
RISE = 0.25  # in between it is given from the lower lip upwards, with an edge of this share of the gap
# Lips open by up to SHUT of their width, and up to LESS of the photo's opening, are shut: no rest of the photo's teeth shows.
SHUT, PARTED, LESS = 0.03, 0.07, (0.35, 0.5)
WIDEST_CUT = 4  # pixels over which edges are blended, from top to bottom
SHADE, USUAL = 0.6, 0.55  # dark cheeks are half skin, half light: this power of their luminance counts, the rest is the usual one
TOOTH, FLESH = (0.5, 0.8), (0.3, 0.6)  # what is brighter is tooth, what is more colourful (red less blue, of its luminance) is not
ENAMEL = 0.4  # of the hue of the cheeks: teeth have that (442 stills: 0.34 of their red, 0.44 of their blue)
COLOUR = 0.5  # of how colourful cheeks usually are: from here on it is pale skin, in a photo in full colour
HUE = 0.25  # of how the hue of the cheeks differs from the usual
# Teeth that the photo shows itself: the brightest part of what lies here between its lips (shares of gap and width).
OWN_ROWS, OWN_COLUMNS, OWN_PART = (0.1, 0.6), (0.25, 0.75), 0.4
SHOWN, AS_BRIGHT, FLESHY = (0.06, 0.12), (0.8, 1.0), (0.05, 0.15)  # if so open, bright (of the cheeks), less colourful than ENOUGH of them
ENOUGH = 0.55
RATIO = 0.5, 2.2  # how bright they may be, of those given
SHARE, SMILING = 0.2, 0.4  # of the frames: those that show teeth best
SMILE = 0.4  # a wide mouth that is open less smiles; one that is open more shows tongue and throat ...
GAPING = 0.5  # ... in this part of the frames with the brightest upper teeth
BALANCE = 0.5  # of how their cheeks' hue differs is taken out of them
BRIGHTEST = 1.2  # of anything in a mouth
CONTRAST, BRIGHT = 1.5, 0.8  # a mean is flatter than any mouth: what is darker than this is darkened by this power
PALE = 0.5  # less colourful is what is as bright as teeth: gums and lips of others are mixed into them
# Teeth, in distances of the outer corners of the eyes. They belong to the head: lips move over them.
SIDES = (0.0, 0.092, 0.163, 0.232, 0.292, 0.345)  # of the upper ones, from the middle: those further back are seen from the side
LENGTHS = 0.048, 0.103  # that show below the upper lip, of narrow and wide mouths: a smile lifts it
BEYOND = 1.1  # times as far the layers have them: they are cut off softly
ARCH = 0.4  # the last ones are shorter by this part
CORNER, ROUND = 0.012, 0.008  # they end higher at their sides, by so much, over this distance
SEAM, NARROW = 0.13, 0.006  # how dark it is between them, and how far
HOLLOW, FAR = 0.06, 0.02  # how much darker their sides are than their middle, and how far
LIGHTER = 1.12  # than the mean, which is of teeth and seams
RISE = 0.008  # softness of their lower end
HOLE, TONGUE = 0.15, 0.34  # what is below them, from there to the lower lip: so bright, of teeth in its place ...
RED = (0.55, -0.2, -0.25)  # ... and so much redder in a photo with usual colours
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


class Lit(NamedTuple):
    """A mouth in a photo's light: (B, widths, openings, rows, columns, 4), RGB in [0, 1] and how much of a tooth it is; and how
    colourful the photo is (B,), 0 to 1."""

    layers: Tensor
    colourful: Tensor


def smooth(low: float, high: float, x: Tensor) -> Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


class Mouth(NamedTuple):
    inside: Tensor
    cheeks: Tensor

    @staticmethod
    @cache
    def load() -> "Mouth":
        tensors, _ = tensorfile.read(FILE)
        return Mouth(*(torch.from_numpy(tensors[name].astype(np.float32)) for name in ("inside", "cheeks")))

    def of(self, picture: Tensor, pins: Tensor) -> Lit:
        """In a photo's light. Flesh is as colourful as its cheeks are, and has a quarter of how their hue differs: what light and camera
        do to them, not the skin itself. Teeth have a part of their hue; if the photo shows its own, theirs and their brightness.
        """
        skin = cheeks(picture, pins)
        light = luminance(skin)[:, None].clamp(min=0.02)
        usual = self.lit(skin, torch.ones_like(light), ENAMEL * (skin / light - 1))
        return self.lit(skin, *own_teeth(usual, picture, pins, skin))

    def lit(self, skin: Tensor, bright: Tensor, enamel: Tensor) -> Lit:
        """In the light of cheeks (B, 3), with teeth so `bright` (B, 1) and of the hue `enamel` (B, 3)."""
        spread = lambda x: x[:, None, None, None, None]
        light, grey = luminance(skin)[:, None].clamp(min=0.02), luminance(self.inside)[..., None]
        tooth = smooth(*TOOTH, grey) * (1 - smooth(*FLESH, (self.inside[..., :1] - self.inside[..., 2:]) / grey.clamp(min=1e-3)))
        tint, usual = skin / light - 1, self.cheeks - 1
        colourful = (tint.norm(dim=1, keepdim=True) / (COLOUR * usual.norm())).clamp(max=1)
        shift = HUE * (tint - usual * colourful)
        light = light**SHADE * USUAL ** (1 - SHADE)
        flesh = (self.inside - grey) * spread(colourful) + grey * spread(shift)
        rgb = spread(light) * (grey + torch.lerp(flesh, grey * spread(enamel), tooth)) * (1 + (spread(bright) - 1) * tooth)
        rgb = rgb.clamp(0, 1)
        return Lit(torch.cat([rgb, tooth.expand(*rgb.shape[:-1], 1)], -1), colourful[:, 0])


def between(nodes: tuple[float, ...], at: Tensor) -> Tensor:
    """Weights (B, N) of linear interpolation between nodes, constant beyond them."""
    eye = torch.eye(len(nodes), device=at.device)[None].expand(len(at), -1, -1)
    return curve(torch.tensor([nodes], device=at.device).expand(len(at), -1), eye, at[:, None])[:, 0]


def teeth(x: Tensor, y: Tensor, gap: Tensor, wide: Tensor, pixel: Tensor, colourful: Tensor) -> Tensor:
    """What becomes of bright and pale (B, H, W) so far from the middle of the mouth, below the upper lip, where the lips are `gap`
    apart (all in distances of the eyes' corners, a pixel too): factors (B, 3, H, W). The mouth is `wide`, 0..1."""
    near = torch.stack([(x - side).abs() for side in SIDES]).amin(0)
    fade = lambda reach: torch.exp(-near / reach)
    length = torch.lerp(*torch.tensor(LENGTHS), wide) * (1 - ARCH * (x / SIDES[-1]).clamp(max=1).square()) - CORNER * fade(ROUND)
    below = smooth(-1, 1, (y - length) / (0.7 * pixel).clamp(min=RISE))
    tooth = LIGHTER * (1 - SEAM * torch.exp(-(near / (0.6 * pixel).clamp(min=NARROW)).square()) - HOLLOW * fade(FAR))
    depth = (y - length) / (gap - length).clamp(min=1e-3)
    red = 1 + colourful[:, None] * torch.tensor(RED, device=x.device)
    deep = (HOLE + (TONGUE - HOLE) * smooth(0.35, 1, depth))[:, None] * red[..., None, None]
    return torch.lerp(tooth[:, None].expand(-1, 3, -1, -1), deep, below[:, None])


def rim_at(rim: Tensor, f: Face, u: Tensor) -> tuple[Tensor, Tensor]:
    """Height of a rim (B, N, 2) at places along the face (B, H, W), and how steep it is there."""
    along, across = dot(rim, f.along).cummax(1).values, dot(rim, f.across)
    slopes = ((across[:, 1:] - across[:, :-1]) / (along[:, 1:] - along[:, :-1]).clamp(min=1e-4)).abs()
    segment = (u[..., None] > along[:, None, None, :-1]).sum(-1) - 1
    steep = slopes.gather(1, segment.clamp(min=0).flatten(1)).view_as(u)
    return curve(along, across[..., None], u)[..., 0], steep


def look(mouth: Lit, driver: Tensor, at: Tensor, pixel: float, shut: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What a mouth shows at points (B, H, W, 2), (B, 3, H, W), how much of each pixel lies between its lips, and how far down from the
    upper one, 0..1 (B, H, W). Narrow mouths that are hardly open have the line of `shut` lips (B,)."""
    f = face(driver)
    width, wanted = shape(driver, f)
    smile = between(WIDTHS, width)[:, 1] * (1 - shut)
    layer = torch.einsum("bw,bo,bworsc->bcrs", torch.stack([1 - smile, smile], 1), between(OPENINGS, wanted), mouth.layers)
    u, v = dot(at, f.along), dot(at, f.across)
    rims, steep = zip(*(rim_at(driver[:, rim], f, u) for rim in LIPS[1:3]))
    cut = pixel * (1 + torch.maximum(*steep) ** 2).sqrt().clamp(max=WIDEST_CUT)  # where a rim is steep a pixel is cut across its width
    middle, gap = (rims[0] + rims[1]) / 2, (rims[1] - rims[0]).clamp(min=0)
    right, left = (dot(driver[:, i], f.along)[:, None, None] for i in ENDS)
    column = (u - right) / (left - right).clamp(min=1e-3) * COLUMNS - 0.5
    row = ((v - middle) / gap.clamp(min=1e-4) + 0.5) * ROWS - 0.5
    inside = covered(v, middle - gap / 2, middle + gap / 2, cut) * ((u > right) & (u < left))
    where = torch.stack([column * 2 / (COLUMNS - 1) - 1, row * 2 / (ROWS - 1) - 1], -1)
    found = F.grid_sample(layer, where, padding_mode="border", align_corners=True)
    size, wide = f.size[..., None], between(WIDTHS, width)[:, 1, None, None]
    place = (u - (right + left) / 2).abs() / size, (v - middle + gap / 2) / size, gap / size
    drawn = found[:, :3] * torch.lerp(torch.ones_like(found[:, :3]), teeth(*place, wide, pixel / size, mouth.colourful), found[:, 3:])
    return drawn, inside, ((row + 0.5) / ROWS).clamp(0, 1)


def show(mouth: Lit, source: Tensor, driver: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """What to show of a photo's mouth, (B, 3, side, side), how much of it, and where the driver's lips part, (B, 1, side, side)."""
    wanted, shown = (shape(pins, face(pins))[1] for pins in (driver, source))
    more = ((NONE - shown / wanted.clamp(min=1e-3)) / (NONE - FULL)).clamp(0, 1)
    less = ((LESS[1] - wanted / shown.clamp(min=1e-3)) / (LESS[1] - LESS[0])).clamp(0, 1)
    shut = ((PARTED - wanted) / (PARTED - SHUT)).clamp(0, 1) * less
    at = grid(side, driver.device).expand(len(driver), -1, -1, -1)
    drawn, inside, down = look(mouth, driver, at, 2 / (side - 1), shut)
    rising = ((down - 1 + more[:, None, None] * (1 + RISE)) / RISE).clamp(0, 1)
    return drawn, (torch.maximum(rising, shut[:, None, None]) * inside)[:, None], inside[:, None]


def places(pins: Tensor) -> Tensor:
    """Points (B, ROWS, COLUMNS, 2) between the inner lips."""
    f, lips = face(pins), [pins[:, rim[1:-1]] for rim in LIPS[1:3]]
    along = [dot(rim, f.along) for rim in lips]
    share = (torch.arange(COLUMNS, device=pins.device) + 0.5) / COLUMNS
    u = (along[0][:, :1] * (1 - share) + along[0][:, -1:] * share)[:, None]
    upper, lower = (curve(a.cummax(1).values, dot(rim, f.across)[..., None], u)[..., 0] for a, rim in zip(along, lips))
    v = upper + (lower - upper) * ((torch.arange(ROWS, device=pins.device) + 0.5) / ROWS)[:, None]
    return u[..., None] * f.along[:, None, None] + v[..., None] * f.across[:, None, None]


def read(picture: Tensor, at: Tensor) -> Tensor:
    """Colours of a picture (B, 3, H, W) at points (B, h, w, 2) -> (B, h, w, 3)."""
    return F.grid_sample(picture.float(), at.float(), padding_mode="border", align_corners=True).permute(0, 2, 3, 1)


def own_teeth(usual: Lit, picture: Tensor, pins: Tensor, skin: Tensor) -> tuple[Tensor, Tensor]:
    """Brightness (B, 1), of that of teeth as they are given, and hue (B, 3) of the teeth of a photo, as far as they are seen to be teeth."""
    rows, columns = (slice(*(round(share * n) for share in part)) for part, n in ((OWN_ROWS, ROWS), (OWN_COLUMNS, COLUMNS)))
    at = places(pins)[:, rows, columns]

    def brightest(colours: Tensor) -> Tensor:
        colours = colours.flatten(1, 2)
        best = luminance(colours).topk(round(OWN_PART * colours.shape[1]), 1).indices
        return colours.gather(1, best[..., None].expand(-1, -1, 3)).mean(1)

    own = brightest(read(picture, at))
    given = brightest(look(usual, pins, at, 2 / (picture.shape[-1] - 1), torch.zeros(len(pins), device=pins.device))[0].permute(0, 2, 3, 1))
    light, bright = (luminance(colour)[:, None].clamp(min=0.02) for colour in (skin, own))
    red = lambda colour, grey: (colour[:, :1] - colour[:, 2:]) / grey
    sure = smooth(*SHOWN, shape(pins, face(pins))[1][:, None]) * smooth(*AS_BRIGHT, bright / light)
    sure = sure * (1 - smooth(*FLESHY, red(own, bright) - ENOUGH * red(skin, light)))
    ratio = (bright / luminance(given)[:, None].clamp(min=0.02)).clamp(*RATIO)
    return 1 + sure * (ratio - 1), torch.lerp(ENAMEL * (skin / light - 1), own / bright - 1, sure)


def seen(picture: Tensor, pins: Tensor) -> Tensor:
    """The inside of the mouth of one picture (1, 3, H, W), (ROWS, COLUMNS, 3), in units of the luminance of its cheeks."""
    return read(picture, places(pins))[0] / luminance(cheeks(picture, pins)).clamp(min=0.02)


def fit(rows, pins: Tensor) -> tuple[np.ndarray, np.ndarray, int]:
    """`inside` and `cheeks` from frames and their pins (N, 44, 2), and of how many frames."""
    width, opening = (x.numpy() for x in shape(pins, face(pins)))
    use = np.flatnonzero(~np.isin(rows.clip, EVALUATION_CLIPS) & (opening > OPENINGS[0] / 2))
    found, skins = [], []
    for i in use:
        picture = torch.from_numpy(np.array(rows.frames[i], np.float32) / 255).permute(2, 0, 1)[None]
        found.append(seen(picture, pins[i : i + 1]))
        skins.append(cheeks(picture, pins[i : i + 1])[0])
    found, skins = torch.stack(found), torch.stack(skins)
    tints = skins / luminance(skins)[:, None].clamp(min=0.02)
    balanced = found * ((tints.mean(0) / tints.clamp(min=0.05)) ** BALANCE)[:, None, None]
    even = lambda x: ((x + x.flip(2)) / 2).clamp(min=0.02)
    found, balanced = (even(x) * (BRIGHTEST / luminance(even(x))).clamp(max=1)[..., None] for x in (found, balanced))
    light = luminance(found)[:, :, COLUMNS // 4 : -COLUMNS // 4]
    teeth, dark = light[:, 1 : ROWS // 2 - 1].mean((1, 2)), light[:, ROWS // 2 : ROWS * 13 // 16].mean((1, 2))
    upper = light[:, : ROWS // 5].mean((1, 2))
    best = lambda group, score, share: group[np.argsort(-score[group])[: max(1, round(share * len(group)))]]
    nearest = lambda nodes, x: np.abs(np.array(nodes) - x[:, None]).argmin(1)
    w, o, clip = nearest(WIDTHS, width[use]), nearest(OPENINGS, opening[use]), rows.clip[use]
    inside, taken = np.zeros((len(WIDTHS), len(OPENINGS), ROWS, COLUMNS, 3), np.float32), 0
    for i, j in np.ndindex(inside.shape[:2]):
        # A smile is full of teeth; in a mouth that is open a little they stand out against the dark.
        gaping = OPENINGS[j] > SMILE
        score, share = (upper, GAPING) if gaping else (teeth, SMILING) if i == 1 else (teeth - dark, SHARE)
        group = best(np.flatnonzero((w == i) & (o == j)), score, share)
        if len(set(clip[group])) < CLIPS:
            group = best(np.flatnonzero(o == j), score, share)
        share = np.array([1 / (clip[group] == clip[k]).sum() for k in group], np.float32)
        # The geometric mean: what is dark in most of them stays dark.
        some = balanced if gaping else found
        mean = torch.from_numpy(np.exp(np.einsum("n,nrsc->rsc", share / share.sum(), some[group].log().numpy())))
        grey = luminance(mean)[..., None]
        bright = (grey / BRIGHT).clamp(max=1)
        pale = 0 if gaping else PALE * bright**2
        inside[i, j] = (grey + (mean - grey) * (1 - pale)) * bright ** (CONTRAST - 1)
        taken += len(group)
        print(f"{'wide' if i else 'narrow'}, open by {OPENINGS[j]}: {len(group)} frames of {len(set(clip[group]))} clips")
    for i in range(len(WIDTHS)):
        closed = max(j for j, opening in enumerate(OPENINGS) if opening <= SMILE)
        for j in range(closed + 1, len(OPENINGS)):
            inside[i, j] = keep_teeth(torch.from_numpy(inside[i, closed]), torch.from_numpy(inside[i, j]), i, OPENINGS[j] / OPENINGS[closed])
    return inside, tints.mean(0).numpy(), taken


def keep_teeth(less: Tensor, more: Tensor, wide: int, times: float) -> Tensor:
    """Upper teeth stay where they are when a jaw falls: those of a layer that is open less, in one that is open `times` as far. Nothing
    else there is as bright as teeth."""
    row = ((torch.arange(ROWS) + 0.5) * times - 0.5).clamp(max=ROWS - 1)
    low = row.long()
    there = torch.lerp(less[low], less[(low + 1).clamp(max=ROWS - 1)], (row - low)[:, None, None])
    grey = luminance(there)[..., None]
    tooth = smooth(*TOOTH, grey) * (1 - smooth(*FLESH, (there[..., :1] - there[..., 2:]) / grey.clamp(min=1e-3)))
    depth = (row + 0.5) / ROWS * max(o for o in OPENINGS if o <= SMILE) * WIDTHS[wide]
    tooth = tooth * (depth < LENGTHS[wide] * BEYOND).float()[:, None, None]
    flesh = more * (TOOTH[0] / luminance(more)[..., None]).clamp(max=1)
    return torch.lerp(flesh, there, tooth)


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
