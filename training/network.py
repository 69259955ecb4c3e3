"""The network that finds vehicles, persons and bicycles: a centre map at a quarter of the picture's size.

Residual stages at strides 4, 8, 16 and 32, added up again on the way back to stride 4 (feature pyramid,
Lin et al. 2017); one cell per object centre (CenterNet, Zhou et al. 2019), its box as four distances
(FCOS, Tian et al. 2019).
"""

from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 4
GROUPS = ("vehicle", "person", "bicycle")
KINDS = ("car", "other_vehicle", "truck", "van", "bus", "trailer")  # told apart inside "vehicle"
OUTPUTS = len(GROUPS) + 4 + len(KINDS)
HEAT = slice(0, len(GROUPS))
SIDES = slice(len(GROUPS), len(GROUPS) + 4)
KIND = slice(len(GROUPS) + 4, OUTPUTS)
SIDE_PX = 8.0  # a zero in the output is a side of this length
# Channels of the stem and of strides 4 to 32; residual blocks at strides 4 to 32; channels on the way back.
SIZES = {
    "small": ((16, 32, 64, 96, 128), (1, 2, 3, 1), 48),
    "large": ((24, 48, 96, 144, 192), (1, 3, 4, 2), 64),
}
SHED = 0.1  # share of channels left out before the last step while training (Tompson et al. 2015)


def _step(wide: int, out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(wide, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a straight way (He et al. 2016)."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.first = _step(wide, wide)
        self.second = nn.Sequential(nn.Conv2d(wide, wide, 3, 1, 1, bias=False), nn.BatchNorm2d(wide))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class Finder(nn.Module):
    """Picture in, one cell per four by four pixels out.

    Parameters
    ----------
    channels
        1 (thermal) or 3 (visible light).
    size
        Word of ``SIZES``.
    """

    def __init__(self, channels: int, size: str) -> None:
        wide, deep, neck = SIZES[size]
        super().__init__()
        self.stem = _step(channels, wide[0], 2)
        self.stages = nn.ModuleList(
            nn.Sequential(_step(wide[i], wide[i + 1], 2), *[Residual(wide[i + 1]) for _ in range(deep[i])])
            for i in range(4)
        )
        self.lateral = nn.ModuleList(nn.Conv2d(w, neck, 1) for w in wide[1:])
        self.merge = nn.ModuleList(_step(neck, neck) for _ in range(3))
        self.head = nn.Sequential(_step(neck, neck), nn.Dropout2d(SHED), nn.Conv2d(neck, OUTPUTS, 1))
        nn.init.normal_(self.head[-1].weight, std=0.01)
        nn.init.zeros_(self.head[-1].bias)
        nn.init.constant_(self.head[-1].bias[HEAT], -4.0)  # most cells are empty (Lin et al. 2017)

    def forward(self, x: Tensor) -> Tensor:
        """Give logits (batch, OUTPUTS, height / 4, width / 4) for (batch, channels, height, width)."""
        x = self.stem((x - 0.45) * 4)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        y = self.lateral[3](levels[3])
        for i in (2, 1, 0):
            y = self.lateral[i](levels[i]) + F.interpolate(y, scale_factor=2.0, mode="nearest")
            y = self.merge[i](y)
        return self.head(y)
