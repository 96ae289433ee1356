"""One training run: networks, their moving average, optimiser and position. What a checkpoint holds."""

import copy
import os
from pathlib import Path

import torch
from torch import Tensor

from .adversary import Adversary
from .export import load
from .networks import Portrait
from .parallel import average_gradients


def learning_rate(step: int, steps: int, peak: float, warmup: int = 50, decay: float = 0.3) -> float:
    """Linear warm-up, constant, linear to 2 % over the last `decay` of the run."""
    left = (steps - step) / max(1, decay * steps)
    return peak * min(1, (step + 1) / warmup) * max(0.02, min(1, left))


class Run:
    """Created anew, from the weights of another run, or from a checkpoint of its own by `load`."""

    def __init__(self, config: dict, device: str, peak: float, norm: bool = True, adversary: bool = False, network=Portrait):
        self.net = network(config)
        if not norm:
            self.net.without_norm()
        self.step, self.device, self.peak = 0, device, peak
        self.adversary = Adversary(device, peak) if adversary else None
        self.restart()

    def restart(self):
        """Average and optimiser anew, from the networks as they are."""
        self.net.to(self.device, memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.net).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), self.peak, betas=(0.5, 0.999), weight_decay=1e-4, fused=True)

    @property
    def norm(self) -> bool:
        return isinstance(self.net.synthesis.unet.stem[1], torch.nn.BatchNorm2d)

    def freeze_norm(self):
        """BatchNorm keeps its statistics from here on and is an affine map that is trained."""
        for module in self.net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()

    def start_from(self, path: Path, open_blend: float):
        """Weights of another run (a checkpoint's average, a bare state dict, a weight file); blend logits scaled to unsaturate them."""
        norm, loaded = self.norm, load(path, self.net.config)
        self.net = type(self.net)(self.net.config)
        if not isinstance(loaded.synthesis.unet.stem[1], torch.nn.BatchNorm2d):
            self.net.without_norm()
        self.net.load_state_dict(loaded.state_dict())
        if not norm:
            self.net.without_norm()
        head, first = self.net.synthesis.head, 3 * self.net.synthesis.fold**2
        head.weight.data[first:] *= open_blend
        head.bias.data[first:] *= open_blend
        self.restart()

    def save(self, path: Path):
        part = path.with_suffix(".part")
        states = {k: getattr(self, k).state_dict() for k in ("net", "ema", "optimiser", "adversary") if getattr(self, k)}
        torch.save(states | {"step": self.step, "preset": self.net.config["name"], "norm": self.norm}, part)
        os.replace(part, path)

    def load(self, path: Path):
        state = torch.load(path, map_location=self.device, weights_only=True)
        for k in ("net", "ema", "optimiser", "adversary"):
            if getattr(self, k) and k in state:
                getattr(self, k).load_state_dict(state[k])
        self.step = state["step"]

    def update(self, terms: dict[str, Tensor], steps: int):
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, steps, self.peak)
        self.optimiser.zero_grad(set_to_none=True)
        sum(terms.values()).backward()
        average_gradients(self.net)
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
        self.optimiser.step()
        self.step += 1
        keep = min(0.998, (self.step + 1) / (self.step + 20))
        with torch.no_grad():
            for average, now in zip(self.ema.state_dict().values(), self.net.state_dict().values()):
                average.lerp_(now, 1 - keep) if average.is_floating_point() else average.copy_(now)
