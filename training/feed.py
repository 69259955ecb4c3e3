"""Batches of cuts that worker processes make, brought to the device that trains."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info


class _Cuts(IterableDataset):
    """Endless cuts; each worker throws its own dice."""

    def __init__(self, cuts: Callable[..., Iterator[Any]], material: tuple[Any, ...], seed: int) -> None:
        self.cuts, self.material, self.seed = cuts, material, seed

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        worker = get_worker_info()
        torch.set_num_threads(1)
        for pixels, target in self.cuts(self.seed * 1000 + (worker.id if worker else 0), *self.material):
            yield (np.ascontiguousarray(pixels.transpose(2, 0, 1)), *target)


def fed(
    cuts: Callable[..., Iterator[Any]],
    material: tuple[Any, ...],
    device: str,
    seed: int,
    batch: int,
    workers: int,
) -> Iterator[tuple[Tensor, ...]]:
    """Give batches: pictures between 0 and 1, and their targets."""
    loader = DataLoader(
        _Cuts(cuts, material, seed),
        batch_size=batch,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )
    for pixels, *target in loader:
        yield (pixels.to(device).float().div(255), *[t.to(device) for t in target])
