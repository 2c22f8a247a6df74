"""What fuzzers found, and a few thousand files like it: read, or refused in one line."""

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).with_name("fuzz")))

import readers

FILES = [
    (kind, file) for kind in readers.READERS for file in sorted((readers.CORPUS / kind).iterdir())
]
TRIES = {"pictures": 20, "models": 20, "states": 20, "indexes": 300}  # of each file


def changed(draw):
    """changed(data) -> the data with a few bytes others, more or fewer."""

    def mutate(data):
        data = bytearray(data or b"\0")
        for _ in range(draw.choice((1, 1, 2, 4))):
            at = draw.randrange(len(data) + 1)
            new = draw.choice((b"", b"\xff" * 4, b"\0" * 4, draw.randbytes(1), draw.randbytes(3)))
            data[at : at + draw.choice((0, 1, 1, len(new)))] = new
        return bytes(data)

    return mutate


@pytest.mark.parametrize(("kind", "file"), FILES, ids=[f"{k}-{f.name}" for k, f in FILES])
def test_the_corpus_and_what_is_near_it(kind, file):
    data = file.read_bytes()
    readers.read(kind, data)
    draw = random.Random(file.name)
    for seed in range(TRIES[kind]):
        readers.read(kind, readers.mutated(data, seed, changed(draw)))


def test_each_corpus_has_what_is_read_and_what_is_refused():
    for kind in readers.READERS:
        found = {readers.read(kind, file.read_bytes()) for other, file in FILES if other == kind}
        assert found == {True, False}, kind


def test_what_is_changed_inside_a_zip_is_still_one():
    (file,) = (file for kind, file in FILES if (kind, file.name) == ("states", "upscaler"))
    data = file.read_bytes()
    assert readers.read("states", readers.mutated(data, 2, lambda part: part))
    assert readers.mutated(data, 2, lambda part: part + b"x") != data
