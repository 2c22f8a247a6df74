"""Fixture: how often Python reads numbers of a tensor. A GPU would be waited for each time."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode


class _Single(TorchDispatchMode):
    """Counts what `item`, `float` and `bool` of a tensor read."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


@pytest.fixture
def reads(monkeypatch):
    """reads(work) -> how often calling it reads one number, and a list of them."""

    def count(work):
        lists, own = [], torch.Tensor.tolist
        with monkeypatch.context() as patch, _Single() as single:
            patch.setattr(torch.Tensor, "tolist", lambda x: lists.append(x) or own(x))
            work()
        return single.count, len(lists)

    return count
