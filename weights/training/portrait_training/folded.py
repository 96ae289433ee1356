"""The per-frame path from an exported weight file alone: what an engine has to compute, statement by statement."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import mouth, tps
from .carried import carried
from .pins import pin
from .presets import BASE40, EYES, INDICES, LIPS, PINS
from .solid import own_turn
from .tps import upsample


def hull_area(points: Tensor) -> float:
    """Area of the convex hull of points (N, 2)."""
    ordered = sorted(map(tuple, points.double().tolist()))

    def chain(sequence):
        out = []
        for p in sequence:
            while len(out) > 1 and (out[-1][0] - out[-2][0]) * (p[1] - out[-2][1]) <= (out[-1][1] - out[-2][1]) * (p[0] - out[-2][0]):
                out.pop()
            out.append(p)
        return out[:-1]

    ring = chain(ordered) + chain(reversed(ordered))
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:] + ring[:1]))) / 2


def sample(picture: Tensor, where: Tensor) -> Tensor:
    """Bilinear, align-corners, edges repeated; `where` is (B, H, W, 2)."""
    return F.grid_sample(picture, where, padding_mode="border", align_corners=True)


def cubic(picture: Tensor, where: Tensor) -> Tensor:
    """Catmull-Rom, held to the four nearest neighbours, otherwise as `sample`: what moves by parts of a pixel stays sharp."""
    side = picture.shape[-1]
    at = ((where + 1) * ((side - 1) / 2)).clamp(0, side - 1)
    low = at.detach().floor()
    near, far = lambda d: (1.5 * d - 2.5) * d * d + 1, lambda d: ((-0.5 * d + 2.5) * d - 4) * d + 2
    t, low = at - low, low.long()
    weights = torch.stack([far(1 + t), near(t), near(1 - t), far(2 - t)]).unbind(-1)
    texels = picture.flatten(2)

    def texel(j: int, k: int) -> Tensor:
        x, y = ((low[..., c] + n - 1).clamp(0, side - 1) for c, n in ((0, k), (1, j)))
        index = (y * side + x).flatten(1)[:, None].expand(-1, picture.shape[1], -1)
        return texels.gather(2, index).unflatten(2, where.shape[1:3])

    square = [[texel(j, k) for k in range(4)] for j in range(4)]
    value = sum((weights[1][j] * weights[0][k])[:, None] * square[j][k] for j in range(4) for k in range(4))
    nearest = torch.stack([square[j][k] for j in (1, 2) for k in (1, 2)])
    return torch.minimum(torch.maximum(value, nearest.amin(0)), nearest.amax(0))


UPPER_LIDS, LOWER_LIDS = EYES[4:14], EYES[14:]
INNER_LIPS = [[INDICES.index(i) for i in pair] for pair in ((13, 14), (81, 178), (311, 402))]
LID_GAIN = (0.5, 2.0)  # how much further than the face lids may move, for eyes that are more or less open than the driver's

LID_OPENING = 1.5  # how wide the source's eyes may open, of their own opening: the driver's first frame may be a blink


def face_frame(points: Tensor) -> tuple[Tensor, Tensor]:
    """Of points (P, 2): the unit vector from the eyes to the mouth, and a length that neither a turn nor a nod changes much."""
    right, left, mouth = points[EYES[0]], points[EYES[1]], points[LIPS[:4]].mean(0)
    width = (left - right).norm()
    along = (left - right) / width
    return torch.stack([-along[1], along[0]]), torch.maximum(width, 1.25 * ((right + left) / 2 - mouth).norm())


def transfer(source: Tensor, driver: Tensor, first: Tensor) -> tuple[Tensor, float]:
    """Facial points (1, 108, 2) of the source moved as the driver's moved since its first frame, and the scale of that motion.

    What the turn of the head makes of the source's own shape is added. Lids move further by how much wider the source's eye is open: an
    eye that closes closes the source's. Lids and lips do not cross.
    """
    scale = math.sqrt(hull_area(source[0, : len(INDICES)]) / hull_area(first[0, : len(INDICES)]))
    s, d, n = source[0], driver[0], first[0]
    out = s + scale * (d - n)
    own = own_turn(*(t.double().numpy() for t in (s, out, scale * n)))
    out = out + torch.from_numpy(own).to(out)
    (axis_s, _), (axis_d, size_d), (axis_n, size_n) = map(face_frame, (s, d, n))
    middle = lambda p, eye: (p[EYES[eye]] + p[EYES[eye + 2]]) / 2
    for eye in range(2):
        upper, lower = UPPER_LIDS[eye::2], LOWER_LIDS[eye::2]
        ratio = ((s[lower] - s[upper]) @ axis_s).sum() / (scale * ((n[lower] - n[upper]) @ axis_n).sum()).clamp(min=1e-6)
        moved = (d[upper + lower] - middle(d, eye)) @ axis_d - (n[upper + lower] - middle(n, eye)) @ axis_n * (size_d / size_n)
        out[upper + lower] += (ratio.clamp(*LID_GAIN) - 1) * scale * moved[:, None] * axis_d
    axis, _ = face_frame(out)
    for upper, lower in [*zip(UPPER_LIDS, LOWER_LIDS), *INNER_LIPS]:
        rest, gap = (s[lower] - s[upper]) @ axis, (out[lower] - out[upper]) @ axis
        most = torch.maximum(rest, LID_OPENING * rest) if upper in UPPER_LIDS else torch.full_like(rest, math.inf)
        push = (torch.minimum(torch.maximum(gap, rest.clamp(max=0)), most) - gap) / 2
        out[upper], out[lower] = out[upper] - push * axis, out[lower] + push * axis
    return out[None], scale


def pinned(facial: Tensor) -> Tensor:
    """Those of the facial points (B, 106 or 108, 2) that pin the flow."""
    return facial[:, [i for i in PINS if i < facial.shape[1]]]


class Folded:
    """Networks of one weight file: f32 arithmetic on the stored values. One picture at a time, NCHW."""

    def __init__(self, tensors: dict[str, np.ndarray], config: dict):
        self.tensors = {name: torch.from_numpy(t.astype(np.float32)) for name, t in tensors.items()}
        self.config = config

    def conv(self, name: str, x: Tensor, stride: int = 1, relu: bool = True) -> Tensor:
        w, b = self.tensors[f"{name}.conv.weight"], self.tensors[f"{name}.conv.bias"]
        y = F.conv2d(x, w, b, stride, w.shape[-1] // 2)
        return F.relu(y) if relu else y

    def fc(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def neural_keypoints(self, picture: Tensor) -> Tensor:
        side = self.config["nk"]["input"]
        x = F.max_pool2d(self.conv("nk.stem", F.interpolate(picture, (side, side), mode="area"), 2), 3, 2, 1)
        for i in range(2 * len(self.config["nk"]["widths"])):
            name, stride = f"nk.blocks.{i}", 2 if i in (2, 4, 6) else 1
            skip = x if stride == 1 else self.conv(f"{name}.skip", x, 2, relu=False)
            x = F.relu(self.conv(f"{name}.conv2", self.conv(f"{name}.conv1", x, stride), relu=False) + skip)
        return 2 * torch.sigmoid(self.fc("nk.fc", x.mean((2, 3)))).view(1, -1, 2) - 1

    def merge(self, facial: Tensor, neural: Tensor) -> Tensor:
        """Facial (1, 106, 2) and neural (1, 50, 2) keypoints -> mixed (1, 50, 2). Further facial points (irises) have no say."""
        facial = facial[:, : self.config["keypoints"]["facial"]]
        x = torch.cat([facial.flatten(1), neural.flatten(1)], 1)
        x = self.fc("merger.fc.2", F.relu(self.fc("merger.fc.1", F.relu(self.fc("merger.fc.0", x)))))
        return torch.cat([facial[:, BASE40], neural[:, len(BASE40) :]], 1) + x.view_as(neural)

    def relative(self, source: tuple[Tensor, Tensor], driver: tuple[Tensor, Tensor], first: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Facial points and mixed keypoints of the source moved as the driver moved since its first frame; arguments are (facial, neural)."""
        facial, scale = transfer(source[0], driver[0], first[0])
        return facial, self.merge(facial, source[1] + scale * (driver[1] - first[1]))

    def unet(self, name: str, x: Tensor, levels: int, bottleneck=lambda x: x) -> Tensor:
        maps = [self.conv(f"{name}.stem", x)]
        for i in range(levels):
            maps.append(self.conv(f"{name}.enc.{i}", maps[-1], 2))
        x = bottleneck(maps.pop())
        for i in range(levels):
            x = self.conv(f"{name}.dec.{i}", F.interpolate(x, scale_factor=2, mode="nearest"))
            x = torch.cat([x, maps.pop()], 1)
        return x

    def frame(
        self, picture: Tensor, mask: Tensor, background: Tensor, facial: Tensor, kp_s: Tensor, kp_d: Tensor, facial_d: Tensor | None = None
    ) -> dict[str, Tensor]:
        """One frame: source picture, person mask, filled background and facial points, mixed keypoints of source and driver.

        `facial_d` are the facial points that the result shall have; with them the flow is pinned to the source's.
        """
        points, n, side = self.config["keypoints"], self.config["motion"], picture.shape[-1]
        z = tps.grid(n)
        parameters = tps.solve(kp_d, kp_s, points["tps"], points["tps_reg"])
        transforms = torch.cat([z.expand(1, 1, n, n, 2), tps.evaluate(parameters, kp_d, z)], 1)[0]  # 11, H, W, 2
        thumbnail = F.interpolate(picture, (n, n), mode="area")
        warped = sample(thumbnail.expand(len(transforms), -1, -1, -1), transforms).reshape(1, -1, n, n)
        heat = tps.heatmap(kp_d, z, points["heat_var"]) - tps.heatmap(kp_s, z, points["heat_var"])
        marks = tps.heatmap(facial[:, : points["facial"]], z, points["mark_var"]).amax(1, keepdim=True)
        x = torch.cat([warped, heat, torch.zeros_like(marks), F.interpolate(mask, (n, n), mode="area"), marks], 1)

        head = self.conv("dense_motion.head", self.unet("dense_motion", x, len(self.config["dense_motion"]["down"])), relu=False)
        k = points["tps"] + 1
        combined = torch.einsum("bkhw,khwc->bchw", head[:, :k].softmax(1), transforms)
        free, occlusion = combined + head[:, k + 1 :], upsample(torch.sigmoid(head[:, k : k + 1]), side)
        pins = None if facial_d is None else (pinned(facial), pinned(facial_d))
        flow = pin(free, side, *pins, **self.config["pins"]) if pins else upsample(free, side)
        full = cubic(torch.cat([picture, mask], 1), flow.permute(0, 2, 3, 1))
        along = carried(flow, mask, pins and pins[1])
        full_warp, full_fg, given = torch.lerp(background, full[:, :3], along), full[:, 3:] * along, torch.zeros_like(mask)
        cached: dict[str, Tensor] = {}
        if pins:
            lit = mouth.Mouth.load().of(picture, pins[0])
            cached["mouth"] = lit.layers
            inside, amount, given = mouth.show(lit, *pins, side)
            full_warp, occlusion = torch.lerp(full_warp, inside, amount), torch.maximum(occlusion, given)

        def fusion(current: Tensor) -> Tensor:
            cached["bottleneck"] = current
            views = current.new_zeros(1, current.shape[1] * self.config["synthesis"]["views"], *current.shape[2:])
            return self.conv("synthesis.fusion", torch.cat([current, views], 1), relu=False)

        fold = self.config["synthesis"].get("fold", 1)
        y = F.pixel_unshuffle(torch.cat([full_warp * occlusion, occlusion, background, full_fg], 1), fold)
        y = self.conv("synthesis.head", self.unet("synthesis", y, len(self.config["synthesis"]["down"]), fusion), relu=False)
        y = F.pixel_shuffle(y, fold)
        blend = torch.maximum(torch.sigmoid(y[:, 3:]), given)
        out = blend * full_warp + (1 - blend) * torch.sigmoid(y[:, :3])
        return dict(
            tps=parameters, warped=warped, heat=heat, marks=marks, dmn_head=head, flow=flow, occlusion=occlusion,
            full_warp=full_warp, given=given, syn_head=y, out=out, **cached,
        )  # fmt: skip
