"""First weights of a preset with narrower layers: from every layer of a trained, wider one, the channels with the strongest filters.

    python -m portrait_training.narrow --checkpoint S.pt --preset fast --cache CACHE --out first.pt

Keypoints, merger and dense motion are taken over, the synthesis network starts anew. Half of the inputs of a layer are missing, so
BatchNorm gives every channel that is kept the mean and spread that it had.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from .export import load
from .networks import Conv, Portrait, UNet
from .presets import preset
from .rows import Cache
from .stream import Recipe, Stream
from .train import tensors


def strongest(wide: Conv, narrow: Conv) -> Tensor:
    """Numbers of the outputs of `wide` that a layer as narrow as `narrow` keeps, ascending."""
    strength = wide[0].weight.abs().sum((1, 2, 3))
    return strength.topk(narrow[0].out_channels).indices.sort().values


class Narrowing:
    """Copies layers; knows the mean and spread of what the wide layers gave for some batches."""

    def __init__(self, wide: Portrait, batches: list[dict[str, Tensor]]):
        self.spread: dict[Conv, tuple[Tensor, Tensor]] = {}
        sums: dict[Conv, list[Tensor]] = {}
        for module in (m for part in (wide.nk, wide.dense_motion) for m in part.modules() if isinstance(m, Conv)):
            note = lambda _, __, y, module=module: sums.setdefault(module, []).append(torch.stack([y.mean((0, 2, 3)), y.square().mean((0, 2, 3))]))
            module[0].register_forward_hook(note)
        with torch.no_grad():
            for batch in batches:
                wide.motion(batch)
        for module, values in sums.items():
            mean, square = torch.stack(values).mean(0)
            self.spread[module] = mean, (square - mean.square()).clamp(min=1e-6).sqrt()

    @torch.no_grad()
    def conv(self, wide: Conv, narrow: Conv, inputs: Tensor | None, outputs: Tensor | None = None) -> Tensor:
        """Copies the filters of `outputs` (the strongest if None); inputs None: all of them."""
        outputs = strongest(wide, narrow) if outputs is None else outputs
        weight = wide[0].weight[outputs]
        narrow[0].weight.copy_(weight if inputs is None else weight[:, inputs])
        mean, deviation = self.spread[wide]
        norm = narrow[1]
        norm.bias.copy_(mean[outputs])
        norm.weight.copy_(deviation[outputs])
        norm.running_mean.copy_((mean - wide[0].bias)[outputs])
        norm.running_var.copy_(deviation[outputs].square())
        return outputs

    def keypoints(self, wide, narrow):
        at = self.conv(wide.stem, narrow.stem, None)
        for a, b in zip(wide.blocks, narrow.blocks):
            inner = self.conv(a.conv1, b.conv1, at)
            # A residual stage has one set of channels: that of its shortcut, or of what came in.
            out = self.conv(a.skip, b.skip, at) if isinstance(a.skip, Conv) else at
            self.conv(a.conv2, b.conv2, inner, out)
            at = out
        narrow.fc.weight.data.copy_(wide.fc.weight[:, at])
        narrow.fc.bias.data.copy_(wide.fc.bias)

    def unet(self, wide: UNet, narrow: UNet) -> Tensor:
        maps = [self.conv(wide.stem, narrow.stem, None)]
        for a, b in zip(wide.enc, narrow.enc):
            maps.append(self.conv(a, b, maps[-1]))
        at = maps[-1]
        for a, b, skip in zip(wide.dec, narrow.dec, maps[-2::-1]):
            at = torch.cat([self.conv(a, b, at), a[0].out_channels + skip])  # decoder first, then the skip
        return at


def narrowed(wide: Portrait, config: dict, batches: list[dict[str, Tensor]]) -> Portrait:
    """A network of `config` that begins where `wide` (without BatchNorm) is."""
    net = Portrait(config)
    work = Narrowing(wide, batches)
    work.keypoints(wide.nk, net.nk)
    net.merger.load_state_dict(wide.merger.state_dict())
    at = work.unet(wide.dense_motion.unet, net.dense_motion.unet)
    for head in ("contribution", "occlusion", "residual", "train_masks"):
        a, b = getattr(wide.dense_motion, head), getattr(net.dense_motion, head)
        b.weight.data.copy_(a.weight[:, at])
        b.bias.data.copy_(a.bias)
    return net


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--preset", required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    stream = Stream(Cache(args.cache), Recipe(size=128, batch=16), seed=0)
    wide = load(args.checkpoint).without_norm()
    net = narrowed(wide, preset(args.preset), [tensors(next(stream), "cpu") for _ in range(6)])
    torch.save({"ema": net.state_dict(), "preset": args.preset, "norm": True}, args.out)


if __name__ == "__main__":
    main()
