"""Thermal pictures spoilt as cameras, weather and hours of the day do: greys, sharpness, noise."""

import torch
from torch import Tensor
from torch.nn import functional as F

from pack import normal, uniform
from recipe import Recipe

QUANTILES = 17  # how finely greys of another picture are told
SPREAD = 0.16  # what the spread of the ground around becomes
COARSE_PX, AROUND = 8, 9  # that ground is seen in coarse pixels, so many across


def spoilt(pixels: Tensor, recipe: Recipe, dice: torch.Generator) -> Tensor:
    """Change greys, contrast, slope, sharpness and noise of (b, 1, side, side), 0 to 1."""
    count, side = len(pixels), pixels.shape[2]

    def some(share: float, values: Tensor, rest: float) -> Tensor:
        kept = uniform(dice, 0, 1, count) < share
        return torch.where(kept, values, rest)[:, None, None, None]

    x = pixels.clamp(0, 1)
    x = x.lerp(_of_another(x, dice), some(recipe.borrowed, uniform(dice, 0.3, 1.0, count), 0.0))
    x = x.lerp(_levelled(x), some(recipe.levelled, uniform(dice, 0.3, 1.0, count), 0.0))
    x = x ** some(0.7, normal(dice, 0.3, count).exp(), 1.0)
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * some(0.8, normal(dice, 0.3, count).exp(), 1.0) + mean
    x = x + some(0.8, normal(dice, 0.1, count), 0.0)
    ramp = torch.linspace(-0.5, 0.5, side, device=x.device)
    x = x + some(0.3, normal(dice, 0.12, count), 0.0) * ramp
    x = x + some(0.3, normal(dice, 0.12, count), 0.0) * ramp[:, None]
    soft = _blurred(x)
    x = soft + (x - soft) * some(0.5, uniform(dice, 0.0, 1.8, count), 1.0)
    x = x + some(0.5, uniform(dice, 0.0, 0.05, count), 0.0) * normal(dice, 1.0, *x.shape)
    return x.clamp(0, 1)


def _of_another(x: Tensor, dice: torch.Generator) -> Tensor:
    """Give each picture the greys of another of the batch, in their order, as another night's gain would."""
    thin = x[:, 0, ::8, ::8].flatten(1)
    own = thin.quantile(torch.linspace(0, 1, QUANTILES, device=x.device), dim=1).T.contiguous()
    rising = torch.linspace(0, 1e-3, QUANTILES, device=x.device)  # no two quantiles are equal
    own = own + rising
    wanted = own[torch.randperm(len(x), generator=dice, device=x.device)]
    flat = x.flatten(1)
    upper = torch.searchsorted(own, flat).clamp(1, QUANTILES - 1)
    low, high = own.gather(1, upper - 1), own.gather(1, upper)
    to_low, to_high = wanted.gather(1, upper - 1), wanted.gather(1, upper)
    return (to_low + (flat - low) / (high - low) * (to_high - to_low)).view_as(x).clamp(0, 1)


def _levelled(x: Tensor) -> Tensor:
    """Measure each pixel against the ground around it, in its spread."""
    mean = _around(x)
    spread = (_around(x * x) - mean * mean).clamp(min=1e-4).sqrt()
    return (0.45 + SPREAD * (x - mean) / spread).clamp(0, 1)


def _around(x: Tensor) -> Tensor:
    coarse = F.avg_pool2d(x, COARSE_PX)
    wide = F.avg_pool2d(coarse, AROUND, 1, AROUND // 2, count_include_pad=False)
    return F.interpolate(wide, x.shape[2:], mode="bilinear")


def _blurred(x: Tensor, spread: float = 1.2) -> Tensor:
    steps = torch.arange(-3, 4, device=x.device, dtype=x.dtype)
    bell = (-(steps**2) / (2 * spread**2)).exp()
    bell = bell / bell.sum()
    x = F.conv2d(F.pad(x, (3, 3, 0, 0), mode="replicate"), bell.view(1, 1, 1, 7))
    return F.conv2d(F.pad(x, (0, 0, 3, 3), mode="replicate"), bell.view(1, 1, 7, 1))
