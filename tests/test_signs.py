import pytest
import torch

from stylize_cli import signs


@pytest.mark.parametrize("shape", [(1, 3, 5, 7), (2, 8, 4, 4), (1, 1, 1, 1), (1, 64, 3, 2)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_what_is_packed_comes_back_in_an_eighth_of_its_bytes(shape, memory_format):
    drawn = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    values = (drawn > 0.5).contiguous(memory_format=memory_format)
    got = signs.packed(values.clone())
    assert got.bits.nbytes == -(-values.numel() // 8)
    assert torch.equal(signs.unpacked(got), values)
    assert signs.unpacked(got).is_contiguous(memory_format=torch.channels_last)


def test_all_numbers_of_a_byte_come_back():
    values = (torch.arange(256)[:, None] >> torch.arange(8) & 1).bool().view(1, 8, 16, 16)
    assert torch.equal(signs.unpacked(signs.packed(values.clone())), values)
