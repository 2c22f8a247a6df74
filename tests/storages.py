"""What autograd keeps, counted while it does."""

from collections.abc import Callable

import torch
from torch import nn

Kept = dict[int, int]  # bytes by address: each storage once


def kept_by(network: nn.Module, compute: Callable[[], object]) -> Kept:
    """What is kept for the backward pass of a computation, a network's own weights apart."""
    kept: Kept = {}
    own = {storage(tensor)[0] for tensor in (*network.parameters(), *network.buffers())}

    def pack(tensor):
        address, size = storage(tensor)
        if address not in own:
            kept[address] = size
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        compute()
    return kept


def storage(tensor: torch.Tensor) -> tuple[int, int]:
    """Address and bytes of what holds a tensor's values."""
    own = tensor.untyped_storage()
    return own.data_ptr(), own.nbytes()
