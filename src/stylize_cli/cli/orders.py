"""The pictures that a cluster is to paint, wherever they lie, and where the results of each go."""

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from stylize_cli import paths
from stylize_cli.cli import batches, inputs
from stylize_cli.cli.console import Console
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from stylize_cli.encoders import Depth
    from stylize_cli.methods.commission import Order


def found(
    sources: Sequence[str],
    place: str,
    tags: Sequence[str],
    console: Console,
    *,
    is_table: bool,
    depth: "Depth",
    painting: str = "",
) -> "Iterator[Order]":
    """The pictures in files, folders, globs, parquet files and addresses, and where each goes.

    Args:
        sources: where they are.
        place: folder of the results, which holds no inputs.
        tags: what the name is to say of each result.
        console: told of what is left out.
        is_table: whether parquet files take the results, under their names alone.
        depth: bits a channel.
        painting: file of one that is learnt, which is an input too, or "".

    Raises:
        StylizeError: there is none, or an input would be overwritten.
    """
    from stylize_cli import stores

    labelled = {str(number): tag for number, tag in enumerate(tags)}
    if "" in sources:
        raise StylizeError("there is no '': check the path")
    roots = [stores.absolute(source).rstrip("/") or "/" for source in sources]
    listed = {root: _named(root) for root in roots}
    read = batches.Names()
    for file in filter(None, chain([painting], *filter(None, listed.values()))):
        read.add(_itself(file))
    folders = [f"{_itself(root).rstrip('/')}/" for root in roots]
    target = _itself(place)
    apart = tuple(folder for folder in folders if not target.startswith(folder))
    own = f"{target}/" if len(apart) < len(folders) else None  # in an input folder: no input
    pictures = (
        (one, name)
        for one, name in _pictures(listed, console)
        if not (own and _itself(one.file).startswith(own))
    )
    for one, results in batches.named(pictures, labelled, depth):
        outputs = [path.as_posix() for path in results.values()]
        if not is_table:
            outputs = [f"{place}/{output}" for output in outputs]
            made = [_itself(output) for output in outputs]
            is_read = any(file in read or file.startswith(apart) for file in made)
            if is_read or _itself(one.file) in made:
                raise StylizeError(
                    f"inputs lie in {place} and would be overwritten: name another folder with -o"
                )
        yield replace(one, outputs=outputs)


def _itself(place: str) -> str:
    """What a path leads to, so that two paths of one file are alike; an address as it is."""
    from stylize_cli import stores

    return place if stores.is_address(place) else os.path.realpath(place)


def _pictures(
    listed: Mapping[str, Sequence[str] | None], console: Console
) -> "Iterator[tuple[Order, Path]]":
    """The pictures, each once, and the place of each below the output folder; no outputs yet."""
    from stylize_cli import stores

    met = batches.Names()
    for root, named in listed.items():
        for file, name in _files(root, named, console):
            if met.add(file if stores.is_address(file) else batches.itself(file)):
                yield from _within(file, name)


def _named(root: str) -> Sequence[str] | None:
    """The file that a path or an address is, or those that it is a glob for; None of a folder."""
    from stylize_cli import stores

    if stores.is_folder(root):
        return None
    if not stores.is_address(root):
        return inputs.matching(root)
    is_one = not glob.has_magic(root) or stores.exists(root)
    return [root] if is_one else stores.matching(root)


def _files(root: str, named: Sequence[str] | None, console: Console) -> Iterator[tuple[str, Path]]:
    """The files that a path or an address is, or holds; `named` are those of `_named`.

    Raises:
        StylizeError: there is none.
    """
    from stylize_cli import stores, tables

    is_address = stores.is_address(root)
    suffixes = (*paths.readable_suffixes(), tables.SUFFIX)
    if named is None and not is_address:
        for _, file in inputs.found([root], console, suffixes):
            yield file, Path(file).relative_to(root)
        return
    files: Iterator[tuple[str, Path]]
    if named is None:
        files = ((f"{root}/{name}", Path(name)) for name in stores.inside(root, suffixes))
    else:
        name_of = PurePosixPath if is_address else Path
        files = ((file, Path(name_of(file).name)) for file in named)
        known = root.lower().endswith(suffixes)
        if is_address and named == [root] and not (known or stores.exists(root)):
            raise StylizeError(f"there is no {root}: check the address")  # as of a bucket
    first = next(files, None)
    if first is None:
        kind = "address" if is_address else "path"
        raise StylizeError(f"there are no pictures in {root}: check the {kind}")
    yield first
    yield from files


def _within(file: str, name: Path) -> "Iterator[tuple[Order, Path]]":
    """A file that is a picture, or the pictures that it holds."""
    from stylize_cli import tables
    from stylize_cli.methods.commission import Order

    if name.suffix.lower() != tables.SUFFIX:
        yield Order(file, file, ()), name
        return
    for group, row, inner in tables.names(file):
        yield Order(f"{file}/{inner}", file, (), group, row), name.parent / inner
