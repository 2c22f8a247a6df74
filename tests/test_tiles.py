import pytest

from stylize_cli.tiles import grid, stretches


@pytest.mark.parametrize("unit", [1, 4, 16])
@pytest.mark.parametrize("halo", [0, 7, 16])
@pytest.mark.parametrize("side", [1, 50, 129, 1000, 1003])
@pytest.mark.parametrize("most", [20, 64, 300])
def test_stretches_cover_an_axis_once_each_with_its_halo(side, most, halo, unit):
    found = stretches(side, most=most, halo=halo, unit=unit)
    assert [p for one in found for p in range(one.start, one.stop)] == list(range(side))
    for one in found:
        assert one.first == 0 or (one.first <= one.start - halo and one.first % unit == 0)
        assert one.last == side or (one.last >= one.stop + halo and one.last % unit == 0)
        assert one.start % unit == 0
        assert one.is_end is (one.stop == side)
        assert one.stop - one.start >= min(unit, side)  # something is left of it by a pooling
    whole = list(range(side // unit))
    for one in found:
        computed = list(range(one.first // unit, one.last // unit))
        assert computed[one.inner(unit)] == whole[one.wanted(unit)]
    lengths = [one.last - one.first for one in found]
    assert max(lengths) < max(most, 2 * (halo + unit) + unit) + unit


def test_an_axis_that_is_short_enough_is_not_cut():
    (only,) = stretches(64, most=64, halo=9, unit=4)
    assert (only.first, only.start, only.stop, only.last) == (0, 0, 64, 64)


@pytest.mark.parametrize("size", [(300, 1000), (1000, 300), (640, 640), (30, 5000)])
def test_tiles_are_as_large_as_may_be_and_cover_all(size):
    tiles = grid(size, most=128 * 128, halo=8, unit=4)
    seen = [[0] * size[1] for _ in range(size[0])]
    for rows, columns in tiles:
        for row in range(rows.start, rows.stop):
            for column in range(columns.start, columns.stop):
                seen[row][column] += 1
        assert (rows.last - rows.first) * (columns.last - columns.first) <= 132 * 132
    assert all(count == 1 for row in seen for count in row)
    assert len(tiles) < 2.5 * size[0] * size[1] / 128**2 + 2
