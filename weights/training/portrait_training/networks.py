"""The four networks, with BatchNorm, for training. Sizes come from presets/*.toml; folded.py is what is exported."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from . import mouth, tps
from .carried import carried
from .folded import cubic, pinned, sample
from .pins import pin
from .presets import BASE40
from .tps import upsample

# Where the ten purely neural keypoints start: five about the shoulders, five about the outline of the head.
NEURAL_START = [[-0.7, 0.9], [0.7, 0.9], [0, 0.75], [-0.3, 0.65], [0.3, 0.65], [0, -0.8], [-0.6, -0.5], [0.6, -0.5], [-0.6, 0.3], [0.6, 0.3]]


def geometry():
    """Coordinates stay in f32 under autocast: a bf16 coordinate is half a pixel wrong."""
    return torch.autocast("cuda" if torch.cuda.is_available() else "cpu", enabled=False)


def quick(device: str) -> torch.dtype:
    """What convolutions are trained in: bf16 where the device multiplies in it, else f32, where bf16 takes ten times as long."""
    return torch.bfloat16 if device != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32


def mixed(device: str):
    """Autocast to `quick`."""
    return torch.autocast(device, torch.bfloat16, enabled=quick(device) == torch.bfloat16)


class Conv(nn.Sequential):
    """Convolution without bias, BatchNorm, ReLU or not. `without_norm` folds BatchNorm into the convolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, relu: bool = True):
        layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs)]
        super().__init__(*layers, *[nn.ReLU(inplace=True)] * relu)

    @torch.no_grad()
    def without_norm(self):
        """The same function of the average statistics, as one convolution with bias."""
        conv, norm = self[0], self[1]
        if isinstance(norm, nn.Identity):
            return
        factor = norm.weight / (norm.running_var + norm.eps).sqrt()
        conv.weight.mul_(factor[:, None, None, None])
        conv.bias = nn.Parameter(norm.bias - norm.running_mean * factor)
        self[1] = nn.Identity()

    @torch.no_grad()
    def with_norm(self, mean: Tensor, variance: Tensor):
        """The same function again, BatchNorm after a convolution of unit variance. `mean` and `variance`: of the folded one's output."""
        conv, norm = self[0], nn.BatchNorm2d(len(mean)).to(mean.device)
        deviation = variance.clamp(min=1e-4).sqrt()  # a silent channel is not blown up
        conv.weight.div_(deviation[:, None, None, None])
        norm.running_mean.copy_((mean - conv.bias) / deviation)
        norm.running_var.copy_(variance / deviation.square())
        norm.weight.copy_(deviation * (norm.running_var + norm.eps).sqrt())
        norm.bias.copy_(mean)
        conv.bias, self[1] = None, norm


class Block(nn.Module):
    """Basic residual block; ReLU after the addition."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1, self.conv2 = Conv(inputs, outputs, 3, stride), Conv(outputs, outputs, relu=False)
        self.skip = Conv(inputs, outputs, 1, stride, relu=False) if stride > 1 or inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv2(self.conv1(x)) + self.skip(x))


class NeuralKeypoints(nn.Module):
    """ResNet with two blocks per stage: picture -> (B, 50, 2)."""

    def __init__(self, config: dict):
        super().__init__()
        widths, points = config["nk"]["widths"], config["keypoints"]["neural"]
        self.side, self.stem, blocks = config["nk"]["input"], Conv(3, widths[0], 7, 2), []
        for i, (inputs, outputs) in enumerate(zip([widths[0], *widths], widths)):
            blocks += [Block(inputs, outputs, 2 if i else 1), Block(outputs, outputs, 1)]
        self.blocks, self.fc = nn.Sequential(*blocks), nn.Linear(widths[-1], 2 * points)
        start = torch.cat([torch.empty(points - len(NEURAL_START), 2).uniform_(-0.6, 0.6), torch.tensor(NEURAL_START)])
        self.fc.bias.data = torch.logit((start.flatten() + 1) / 2)
        self.fc.weight.data *= 0.2

    def forward(self, picture: Tensor) -> Tensor:
        x = picture if picture.shape[-1] == self.side else F.interpolate(picture, (self.side, self.side), mode="area")
        x = self.blocks(F.max_pool2d(self.stem(x), 3, 2, 1)).mean((2, 3))
        with geometry():
            return 2 * torch.sigmoid(self.fc(x.float())).unflatten(1, (-1, 2)) - 1


class Merger(nn.Module):
    """Facial and neural keypoints -> mixed keypoints: base point plus a learned offset, zero at the start."""

    def __init__(self, config: dict):
        super().__init__()
        points, hidden = config["keypoints"], config["merger"]["hidden"]
        out = 2 * points["neural"]
        self.fc = nn.ModuleList([nn.Linear(2 * points["facial"] + out, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, out)])
        nn.init.zeros_(self.fc[2].weight)
        nn.init.zeros_(self.fc[2].bias)

    def forward(self, facial: Tensor, neural: Tensor) -> Tensor:
        with geometry():
            x = torch.cat([facial.flatten(1), neural.flatten(1)], 1).float()
            delta = self.fc[2](F.relu(self.fc[1](F.relu(self.fc[0](x)))))
            return torch.cat([facial[:, BASE40], neural[:, len(BASE40) :]], 1) + delta.view_as(neural)


class UNet(nn.Module):
    """3x3 stem, stride-2 encoder, nearest x2 decoder; a decoder output is followed by its skip."""

    def __init__(self, inputs: int, stem: int, down: list[int]):
        super().__init__()
        widths = [stem, *down]
        self.stem = Conv(inputs, stem)
        self.enc = nn.ModuleList(Conv(a, b, stride=2) for a, b in zip(widths, down))
        into = [widths[-1]] + [2 * w for w in widths[-2:0:-1]]
        self.dec = nn.ModuleList(Conv(a, b) for a, b in zip(into, widths[-2::-1]))
        self.out_channels = 2 * stem

    def encode(self, x: Tensor) -> list[Tensor]:
        maps = [self.stem(x)]
        for layer in self.enc:
            maps.append(layer(maps[-1]))
        return maps

    def decode(self, maps: list[Tensor]) -> Tensor:
        x = maps[-1]
        for layer, skip in zip(self.dec, reversed(maps[:-1])):
            x = torch.cat([layer(F.interpolate(x, scale_factor=2, mode="nearest")), skip], 1)
        return x


class DenseMotion(nn.Module):
    """Mixed keypoints and the source -> backward flow and occlusion. `train_masks` predicts the driver's masks, in training only."""

    def __init__(self, config: dict):
        super().__init__()
        self.points, self.side = config["keypoints"], config["motion"]
        self.transforms = self.points["tps"] + 1
        self.unet = UNet(3 * self.transforms + self.points["neural"] + 3, **config["dense_motion"])
        head = lambda channels: nn.Conv2d(self.unet.out_channels, channels, 3, 1, 1)
        self.contribution, self.occlusion, self.residual, self.train_masks = head(self.transforms), head(1), head(2), head(2)
        nn.init.zeros_(self.train_masks.weight)  # not in published files: a head that begins anew must not disturb what it reads
        nn.init.zeros_(self.residual.weight)
        nn.init.zeros_(self.residual.bias)
        nn.init.constant_(self.occlusion.bias, 2.0)

    def marks(self, facial: Tensor) -> Tensor:
        """Landmark mask (B, 1, side, side)."""
        return tps.heatmap(facial, tps.grid(self.side, facial.device), self.points["mark_var"]).amax(1, keepdim=True)

    def forward(self, picture: Tensor, mask: Tensor, facial: Tensor, kp_s: Tensor, kp_d: Tensor) -> dict[str, Tensor]:
        n, batch, z = self.side, len(picture), tps.grid(self.side, picture.device)
        area = lambda x: F.interpolate(x, (n, n), mode="area")
        with geometry():
            parameters = tps.solve(kp_d, kp_s, self.points["tps"], self.points["tps_reg"])
            transforms = torch.cat([z.expand(batch, 1, n, n, 2), tps.evaluate(parameters, kp_d, z)], 1)
            warped = sample(area(picture).repeat_interleave(self.transforms, 0), transforms.flatten(0, 1)).view(batch, -1, n, n)
            heat = tps.heatmap(kp_d, z, self.points["heat_var"]) - tps.heatmap(kp_s, z, self.points["heat_var"])
            marks = self.marks(facial[:, : self.points["facial"]])
        x = torch.cat([warped, heat, torch.zeros_like(marks), area(mask), marks], 1)
        x = self.unet.decode(self.unet.encode(x.contiguous(memory_format=torch.channels_last)))
        weights, residual = self.contribution(x).float().softmax(1), self.residual(x).float()
        free = torch.einsum("bkhw,bkhwc->bchw", weights, transforms) + residual
        sigmoid = lambda logits: torch.sigmoid(logits.float())
        return dict(free=free, residual=residual, occlusion=sigmoid(self.occlusion(x)), masks=sigmoid(self.train_masks(x)))


class Synthesis(nn.Module):
    """Warped source, occlusion, background, warped mask -> `out = m * warped + (1 - m) * paint`; what is given is not painted over."""

    def __init__(self, config: dict):
        super().__init__()
        top = config["synthesis"]["down"][-1]
        self.views, self.fold = config["synthesis"]["views"], config["synthesis"].get("fold", 1)
        block = self.fold**2
        self.unet = UNet(8 * block, config["synthesis"]["stem"], config["synthesis"]["down"])
        self.fusion, self.head = nn.Conv2d(top * (1 + self.views), top, 1), nn.Conv2d(self.unet.out_channels, 4 * block, 3, 1, 1)
        nn.init.zeros_(self.fusion.weight)
        nn.init.zeros_(self.fusion.bias)
        self.fusion.weight.data[:, :top, 0, 0] = torch.eye(top)
        self.head.weight.data *= 0.3
        nn.init.zeros_(self.head.bias)  # no bias of the blend towards the warp

    def encode(self, warped: Tensor, occlusion: Tensor, background: Tensor, person: Tensor) -> list[Tensor]:
        x = F.pixel_unshuffle(torch.cat([warped * occlusion, occlusion, background, person], 1), self.fold)
        return self.unet.encode(x.contiguous(memory_format=torch.channels_last))

    def forward(
        self, warped: Tensor, occlusion: Tensor, background: Tensor, person: Tensor, given: Tensor, views: Tensor | None = None
    ) -> dict[str, Tensor]:
        """`views` (B, views x C, h, w): bottlenecks of the source in other poses; without them their columns have no say."""
        maps = self.encode(warped, occlusion, background, person)
        known = maps[-1] if views is None else torch.cat([maps[-1], views.to(maps[-1].dtype)], 1)
        maps[-1] = F.conv2d(known, self.fusion.weight[:, : known.shape[1]], self.fusion.bias)
        y = F.pixel_shuffle(self.head(self.unet.decode(maps)).float(), self.fold)
        paint, blend = torch.sigmoid(y[:, :3]), torch.maximum(torch.sigmoid(y[:, 3:]), given)
        return dict(paint=paint, blend=blend, out=blend * warped + (1 - blend) * paint)


# Yaw and pitch in degrees. The first four are the engine's (views.rs); more are for experiments.
VIEW_POSES = ((-18, 0), (18, 0), (0, -12), (0, 12), (-18, -12), (18, -12), (-18, 12), (18, 12))


def view_poses(solid: Tensor, count: int) -> list[Tensor]:
    """Facial points (B, P, 3) -> (B, P, 2) of the head in each pose, seen from afar."""
    middle, out = solid.mean(1, keepdim=True), []
    for yaw, pitch in VIEW_POSES[:count]:
        (cy, sy), (cp, sp) = ((math.cos(a), math.sin(a)) for a in (math.radians(yaw), math.radians(pitch)))
        turn = torch.tensor([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]) @ torch.tensor([[1.0, 0, 0], [0, cp, -sp], [0, sp, cp]])
        out.append(((solid - middle) @ turn.T.to(solid) + middle)[..., :2])
    return out


class Portrait(nn.Module):
    """All of it. Pictures (B, 3, side, side) in [0, 1]; facial points (B, 106 or 108 with irises, 2) in [-1, 1]."""

    def __init__(self, config: dict):
        super().__init__()
        self.config = config
        self.nk, self.merger = NeuralKeypoints(config), Merger(config)
        self.dense_motion, self.synthesis = DenseMotion(config), Synthesis(config)

    def without_norm(self) -> "Portrait":
        """Fold every BatchNorm: what ships is then what is trained, and small batches or crops no longer matter."""
        for module in self.modules():
            if isinstance(module, Conv):
                module.without_norm()
        return self

    @torch.no_grad()
    def with_norm(self, batches: list[dict[str, Tensor]]) -> "Portrait":
        """Puts BatchNorm back into a folded network, with the statistics of these batches: the same function, which learns as a new one does.

        Folded weights of a published file can only be trained on at a tenth of the rate."""
        sums: dict[Conv, list] = {}

        def watch(module, _, y):
            y = y.float()
            sums.setdefault(module, []).append(torch.stack([y.mean((0, 2, 3)), y.square().mean((0, 2, 3))]))

        watched = [m[0].register_forward_hook(lambda conv, x, y, m=m: watch(m, x, y)) for m in self.modules() if isinstance(m, Conv)]
        for batch in batches:
            self(batch)
        for hook in watched:
            hook.remove()
        for module, seen in sums.items():
            mean, square = torch.stack(seen).mean(0)
            module.with_norm(mean, (square - mean.square()).clamp(min=0))
        return self

    def flow(self, picture, mask, back, pins, kp_s, kp_d) -> dict[str, Tensor]:
        """Motion, its flow at full resolution, pinned there, and the source warped by it over the background, with the inside of the mouth."""
        out, side = self.dense_motion(picture, mask, pins[0], kp_s, kp_d), picture.shape[-1]
        held, pins, occlusion = self.config.get("pins"), [pinned(p) for p in pins], upsample(out["occlusion"], side)
        with geometry():
            flow = pin(out["free"], side, *pins, **held) if held else upsample(out["free"], side)
            full = cubic(torch.cat([picture, mask], 1), flow.permute(0, 2, 3, 1))
            along = carried(flow, mask, pins[1] if held else None)
            warped, person = torch.lerp(back, full[:, :3], along), full[:, 3:] * along
            given = torch.zeros_like(person)
            if held:
                inside, amount, given = mouth.show(mouth.Mouth.load().of(picture, pins[0]), *pins, side)
                warped = torch.lerp(warped, inside, amount)
        occlusion = torch.maximum(occlusion, given)
        return out | dict(flow=flow, warped=warped, person=person, occlusion_full=occlusion, given=given)

    def merge(self, facial: Tensor, neural: Tensor) -> Tensor:
        return self.merger(facial[:, : self.config["keypoints"]["facial"]], neural)

    def motion(self, batch: dict[str, Tensor], alone: Tensor | None = None) -> dict[str, Tensor]:
        """`alone` (B,): samples driven by facial points alone; the driver's neural points are then the source's."""
        neural, moved = self.nk(torch.cat([batch["src"], batch["drv"]])).chunk(2)
        driving = moved if alone is None else torch.where(alone[:, None, None], neural, moved)
        kp_s, kp_d = self.merge(batch["fk_s"], neural), self.merge(batch["fk_d"], driving)
        flow = self.flow(batch["src"], batch["smask"], batch["back"], (batch["fk_s"], batch["fk_d"]), kp_s, kp_d)
        return flow | dict(kp_s=kp_s, kp_d=kp_d, nk_s=neural, nk_d=moved)

    @torch.no_grad()
    def views(self, batch: dict[str, Tensor], o: dict[str, Tensor]) -> Tensor:
        """Bottlenecks of the pseudo views that the engine has: the source's own mesh, turned. `depth_s` (B, points) in [-1, 1] units."""
        features = []
        for turned in view_poses(torch.cat([batch["fk_s"], batch["depth_s"][..., None]], 2), self.synthesis.views):
            v = self.flow(batch["src"], batch["smask"], batch["back"], (batch["fk_s"], turned), o["kp_s"], self.merge(turned, o["nk_s"]))
            features.append(self.synthesis.encode(v["warped"], v["occlusion_full"], batch["back"], v["person"])[-1])
        return torch.cat(features, 1)

    def forward(self, batch: dict[str, Tensor], views: bool = False) -> dict[str, Tensor]:
        o = self.motion(batch)
        known = self.views(batch, o) if views else None
        return o | self.synthesis(o["warped"], o["occlusion_full"], batch["back"], o["person"], o["given"], known)
