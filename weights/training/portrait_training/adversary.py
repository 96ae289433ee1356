"""A patch discriminator with hinge loss, for late phases: is this square of a picture real?"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.parametrizations import spectral_norm


class Discriminator(nn.Sequential):
    """(B, 3, n, n) in [0, 1] -> logits (B, 1, n/8, n/8); a logit sees 46 x 46 pixels."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128)):
        layers: list[nn.Module] = []
        for inputs, outputs in zip((3, *widths), widths):
            layers += [spectral_norm(nn.Conv2d(inputs, outputs, 4, 2, 1)), nn.LeakyReLU(0.2)]
        super().__init__(*layers, spectral_norm(nn.Conv2d(widths[-1], 1, 3, 1, 1)))


class Adversary:
    """Discriminator and its optimiser; `learn` after each step of the networks."""

    def __init__(self, device: str, peak: float):
        self.net = Discriminator().to(device, memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), peak, betas=(0.0, 0.99))

    def fool(self, got: Tensor) -> Tensor:
        """The generator's term; the discriminator's weights get no gradient from it."""
        self.net.requires_grad_(False)
        loss = -self.net(got).float().mean()
        self.net.requires_grad_(True)
        return loss

    def learn(self, got: Tensor, want: Tensor) -> Tensor:
        self.optimiser.zero_grad(set_to_none=True)
        loss = F.relu(1 + self.net(got.detach()).float()).mean() + F.relu(1 - self.net(want).float()).mean()
        loss.backward()
        self.optimiser.step()
        return loss.detach()

    def state_dict(self) -> dict:
        return {"net": self.net.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict):
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
