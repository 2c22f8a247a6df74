"""A worker of a cluster, in this process: what it reads, writes, skips and reports."""

import io
import json
import random
import re
import sys
import threading
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from stylize_cli import files, hardware, stores
from stylize_cli.api import unseen
from stylize_cli.cli import farming, showing, streams
from stylize_cli.cli.admission import BLOCK
from stylize_cli.errors import StylizeError
from stylize_cli.methods import farm
from stylize_cli.methods.commission import Commission, Order, Report
from stylize_cli.methods.look import Look
from stylize_cli.methods.painter import Painter, Place

pytest_plugins = ["commandline", "nets", "workers"]
pytestmark = pytest.mark.usefixtures("conversions", "photo")

LOCAL = ["--precision", "float32", "--threads", 1]


@pytest.fixture
def job(net):
    return Commission(files.contents(net(name="net.pt")), Look(["munch"]), "cpu", "float32")


@pytest.fixture
def order(tmp_path):
    """order(name, *outputs) -> of a file in the current folder."""

    def make(name, *outputs):
        file = str(tmp_path / name)
        return Order(file, file, [str(tmp_path / one) for one in outputs])

    return make


@pytest.fixture
def wanted(stylize, tmp_path):
    """The bytes that the local engine writes."""
    assert (
        stylize("apply", "net.pt", "photo.png", "--style", "munch", *LOCAL, "-o", "w.png").code == 0
    )
    return (tmp_path / "w.png").read_bytes()


def paint(job, *orders):
    return Painter(job, Place(1, "cpu")).paint(orders)


def test_a_worker_makes_the_local_engine_s_bytes(job, order, wanted, tmp_path):
    (one,) = paint(job, order("photo.png", "out/a.png"))
    assert (one.error, one.width, one.height) == ("", 32, 24)
    assert (one.style, one.device, one.engine) == ("munch", "cpu", "openvino")
    assert (tmp_path / "out" / "a.png").read_bytes() == wanted


def test_workers_of_one_machine_share_its_free_memory(job, monkeypatch):
    monkeypatch.setattr(hardware, "available_memory", lambda: 12_000)
    painters = [Painter(job, Place(1, "cpu", beside)) for beside in (1, 3)]
    assert [one._room() for one in painters] == [12_000, 4_000]
    asked = hardware.own_memory() + 500_000_000
    monkeypatch.setattr(hardware, "available_memory", lambda: 10**12)
    assert abs(Painter(replace(job, memory=asked), Place(1, "cpu", 3))._room()) < 10**9


def test_failures_are_reports_and_stop_nobody(job, order, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    orders = [order("bad.png", "1.png"), order("gone.png", "2.png"), order("photo.png", "3.png")]
    found = {one.input.rpartition("/")[2]: one for one in paint(job, *orders)}
    assert "is not an image" in found["bad.png"].error
    assert "there is no file" in found["gone.png"].error
    assert found["photo.png"].error == ""


def test_addresses_are_read_and_written(job, wanted, tmp_path):
    pytest.importorskip("fsspec")
    stores.write("memory://in/deep/x.png", (tmp_path / "photo.png").read_bytes())
    stores.write("memory://in/.hidden/y.png", b"")
    assert list(stores.inside("memory://in", (".png",))) == ["deep/x.png"]
    given = Order("memory://in/deep/x.png", "memory://in/deep/x.png", ["memory://out/deep/x.png"])
    (report,) = paint(job, given)
    assert report.error == ""
    assert stores.read("memory://out/deep/x.png") == wanted
    with pytest.raises(StylizeError, match=r"there is no memory://out/y\.png: check the address"):
        stores.read("memory://out/y.png")
    with pytest.raises(StylizeError, match=r"cannot read nowhere://a .*: check the address"):
        stores.read("nowhere://a")


@pytest.mark.parametrize(
    ("address", "package"), [("gs://b/a.png", "gcsfs"), ("abfs://b/a.png", "adlfs")]
)
def test_the_package_that_an_address_needs_is_named(monkeypatch, address, package):
    pytest.importorskip("fsspec")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StylizeError, match=rf"{address} needs a package .*{package}.*: pip inst"):
        stores.read(address)


def test_pictures_in_parquet_files_and_back(job, wanted, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    from stylize_cli import tables

    data, other = (tmp_path / "photo.png").read_bytes(), io.BytesIO()
    Image.new("RGB", (9, 8), "teal").save(other, "PNG")
    rows = [{"image": {"bytes": one, "path": f"{k}.png"}} for k, one in enumerate([data, b"no"])]
    rows += [{"image": {"bytes": other.getvalue(), "path": "2.png"}}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "in.parquet", row_group_size=2)
    file = str(tmp_path / "in.parquet")
    assert list(tables.names(file)) == [(0, 0, "0.png"), (0, 1, "1.png"), (1, 0, "2.png")]
    orders = [Order(name, file, [name], group, row) for group, row, name in tables.names(file)]
    assert [len(chunk) for chunk in farm.chunks(orders)] == [2, 1]
    table = replace(job, table=str(tmp_path / "out.parquet"))
    reports = [one for chunk in farm.chunks(orders) for one in paint(table, *chunk)]
    assert [bool(one.error) for one in sorted(reports, key=lambda one: one.input)] == [0, 1, 0]
    made = sorted((tmp_path / "out.parquet").iterdir())
    assert len(made) == 2
    found = {row["path"]: row for one in made for row in parquet.read_table(one).to_pylist()}
    assert found["0.png"]["bytes"] == wanted
    assert found.keys() == {"0.png", "2.png"}
    is_there = tables.present(table.table)
    assert [is_there(f"{number}.png") for number in range(3)] == [True, False, True]
    paint(table, *orders[2:])  # what is done anew is the same file
    assert sorted((tmp_path / "out.parquet").iterdir()) == made


def test_a_row_group_goes_out_in_chunks_and_is_read_as_far_as_to_a_row(tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    from stylize_cli import tables

    rows, file = [{"bytes": random.randbytes(50_000)} for _ in range(96)], tmp_path / "in.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(rows), file, write_batch_size=8)
    orders = [Order("", str(file), ["x"], group, row) for group, row, _ in tables.names(str(file))]
    chunks = list(farm.chunks(orders))
    assert [len(chunk) for chunk in chunks] == [farm.CHUNK] * 3
    read = 0

    class Counted(io.FileIO):
        def read(self, size=-1):
            nonlocal read
            data = super().read(size)
            read += len(data)
            return data

    monkeypatch.setattr(stores, "opened", Counted)
    assert orders[3].contents() == rows[3]["bytes"]
    assert read < 0.7 * file.stat().st_size
    wanted = [order.row for order in chunks[2]]
    found = tables.pictures(str(file), 0, wanted)
    assert found == {row: rows[row]["bytes"] for row in wanted}


def test_a_worker_has_its_cores_and_all_machines_are_counted(job):
    nodes = [
        {"Alive": True, "Resources": {"CPU": 16.0}},
        {"Alive": True, "Resources": {"CPU": 6.0}},
        {"Alive": False, "Resources": {"CPU": 64.0}},
    ]
    assert farm.places(nodes, job) == (Place(4, "cpu", 4), 5)
    assert farm.places(nodes, replace(job, cores=8)) == (Place(8, "cpu", 2), 2)
    nodes[1]["Resources"]["GPU"] = 3.0
    assert farm.places(nodes, job) == (Place(4, "cpu", 4), 5)
    for device in ("auto", "cuda"):
        assert farm.places(nodes, replace(job, device=device)) == (Place(4, "cuda", 4), 3)
    two = [{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": True, "Resources": {"CPU": 0.0}}]
    assert farm.places(two, job) == (Place(2, "cpu", 1), 1)
    with pytest.raises(StylizeError, match=r"no machine .* 3 cores: give --threads 2 or fewer"):
        farm.places(two, replace(job, cores=3))
    with pytest.raises(StylizeError, match="the cluster has no GPU: leave out --device cuda"):
        farm.places(two, replace(job, device="cuda"))


def test_files_go_out_a_few_together():
    orders = [Order(str(k), str(k), [str(k)]) for k in range(farm.CHUNK * 2 + 1)]
    assert [len(chunk) for chunk in farm.chunks(orders)] == [farm.CHUNK, farm.CHUNK, 1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--engine ray", "--engine ray writes into a folder: give -o a path or an address"),
        ("--engine ray -o a.png", "-o a.png is one file: name a folder, which every machine sees"),
        ("--engine ray -o out --device cuda:1", "--device cuda:1 is one machine's: with --engine"),
        ("--engine ray -o out --device mps", "--device mps is one machine's: with --engine ray"),
        ("- --engine ray -o out", "--engine ray reads no stdin: name files, folders or addresses"),
        ("--address x:1", "--address is that of a Ray cluster: give --engine ray with it"),
    ],
)
def test_what_a_cluster_cannot_do_is_refused(refused, net, options, said):
    net("johnson", name="one.pt")
    assert said in refused("apply", "one.pt", "photo.png", *options.split())


@pytest.mark.usefixtures("here", "job")
def test_failures_are_told_at_the_end_and_a_rerun_makes_the_rest(stylize, picture_file, tmp_path):
    picture_file(9, 8, name="album/deep/a.png")
    picture_file(9, 8, name="album/b.png")
    (tmp_path / "album" / "bad.png").write_bytes(b"no picture")
    run = ["apply", "net.pt", "album", "--style", "munch", *LOCAL[:2], "--engine", "ray"]
    ran = stylize(*run, "-o", "out", "--json")
    assert ran.code == 1
    records = {Path(one["input"]).name: one for one in map(json.loads, ran.out.splitlines())}
    assert records.keys() == {"a.png", "b.png", "bad.png"}
    assert records["a.png"]["output"] == str(tmp_path / "out" / "deep" / "a-munch.png")
    assert records["a.png"]["style"] == "munch"
    assert "is not an image" in records["bad.png"]["error"]
    said = ["2 results written, 1 failed", f"failed: {tmp_path}/album/bad.png"]
    assert ran.err.splitlines()[-2:] == said
    (tmp_path / "out" / "b-munch.png").unlink()
    again = stylize(*run, "-o", "out")
    assert again.line == str(tmp_path / "out" / "b-munch.png")
    assert "skipped: 1 result there already" in again.err


def made(folder):
    return {file.relative_to(folder): file.read_bytes() for file in files_below(folder)}


def files_below(folder):
    return sorted(file for file in folder.rglob("*") if file.is_file())


@pytest.mark.usefixtures("here", "job", "album")
@pytest.mark.parametrize(
    "asked",
    [
        "net.pt album --all-styles",
        "one.pt album --all-styles",
        "one.pt album",
        "net.pt album --style munch --style monet --strength 0.5",
        "net.pt album --style munch --preserve-color --quality 30 --keep-metadata",
        "net.pt album --style munch --size 20",
        "net.pt album/b.jpg --style munch --stroke-size 2",
        "net.pt album/*.png --style munch --depth 16",
        "net.pt album --style munch --shard 2/2",
        "net.pt album --style munch --engine auto --precision bfloat16",
        "up.pt album --tileable",
        "brick.pt album --noise-scale 0.5 --seed 7",
    ],
)
def test_a_cluster_makes_the_local_engine_s_files(stylize, net, pyramid, tmp_path, asked):
    net("upscaler", name="up.pt")
    net("johnson", name="one.pt")
    pyramid(image=True)
    words = ["apply", *LOCAL, *asked.split()]
    local = stylize(*words, "-o", "here/", "--json")
    there = stylize(*words, "--engine", "ray", "-o", "there", "--json")
    assert (local.code, there.code) == (0, 0), there.err
    found = made(tmp_path / "there")
    assert found == made(tmp_path / "here")
    assert found
    assert told(there) == told(local)
    assert len(told(there)) == len(found)


def told(ran):
    """What --json says of each result, but for folders and times."""
    records = map(json.loads, ran.out.splitlines())
    kept = [{key: one[key] for key in one.keys() - {"seconds"}} for one in records]
    named = [one | {key: Path(one[key]).name for key in ("input", "output")} for one in kept]
    return sorted(named, key=lambda one: one["output"])


@pytest.fixture
def album(picture_file, tmp_path):
    """album/ of two pictures, one of which says when it was taken."""
    picture_file(24, 32, name="album/deep/a.png")
    exif = Image.Exif()
    exif[306] = "2026:11:26 09:00:00"
    with Image.open(picture_file(24, 32, seed=3, name="album/c.png")) as image:
        image.save(tmp_path / "album" / "b.jpg", exif=exif)


@pytest.mark.usefixtures("here", "job")
def test_a_table_is_written_gone_on_with_and_read(stylize, wanted, picture_file, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    picture_file(9, 8, name="album/a.png")
    rows = [{"path": "../../photo.png", "bytes": (tmp_path / "photo.png").read_bytes()}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "album" / "t.parquet")
    run = ["apply", "net.pt", "album", "--style", "munch", *LOCAL[:2], "--engine", "ray"]
    ran = stylize(*run, "-o", "out.parquet")
    assert (ran.code, sorted(ran.out.decode().split())) == (0, ["a-munch.png", "photo-munch.png"])
    assert "skipped: 2" in stylize(*run, "-o", "out.parquet").err
    run[2] = "out.parquet"
    ran = stylize(*run[:3], "--style", "monet", *run[5:], "-o", "out/")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "a-munch-monet.png", "photo-munch-monet.png"
    ]  # fmt: skip
    found = {
        row["path"]: row["bytes"]
        for file in (tmp_path / "out.parquet").iterdir()
        for row in parquet.read_table(file).to_pylist()
    }
    assert found["photo-munch.png"] == wanted


@pytest.mark.usefixtures("here", "job")
def test_rows_of_a_table_are_not_replaced(stylize, refused, tmp_path):
    run = ["apply", "net.pt", "photo.png", "--style", "munch", *LOCAL[:2], "--engine", "ray"]
    run += ["-o", "out.parquet", "--overwrite"]
    assert stylize(*run).code == 0
    assert "--overwrite replaces files, not rows of a table: remove out.parquet" in refused(*run)
    assert len(list((tmp_path / "out.parquet").iterdir())) == 1


@pytest.mark.usefixtures("here")
def test_what_a_cluster_made_is_shown(monkeypatch, stylize, refused, net):
    net("johnson", name="one.pt")
    shown = []
    screen = SimpleNamespace(show=lambda pixels: shown.append(pixels.shape), leave=lambda: None)
    monkeypatch.setattr(showing, "opened", lambda **_: screen)
    run = ["apply", "one.pt", "photo.png", *LOCAL, "--engine", "ray", "--show", "-o"]
    assert stylize(*run, "out").code == 0
    assert shown == [(24, 32, 3)]
    assert "--show draws pictures, -o is a table of them" in refused(*run, "o.parquet")


@pytest.mark.usefixtures("here", "job")
def test_a_painting_is_learnt_on_what_is_to_be_painted_wherever_it_lies(
    stylize, net, monkeypatch, tmp_path, picture_file
):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    kept, given = net(styles=("kept",), name="kept.pt"), []

    def learn(_model, _style, photos, _opening):
        given.extend(photos)
        yield from ()
        return kept

    monkeypatch.setattr(unseen, "learn", learn)
    picture_file(16, 16, name="new.png")
    photo = (tmp_path / "photo.png").read_bytes()
    rows = [{"path": "row.png", "bytes": photo}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "t.parquet")
    run = ["apply", "net.pt", "photo.png", "t.parquet", "--style", "new.png", *LOCAL[:2]]
    ran = stylize(*run, "--engine", "ray", "-o", "out")
    assert ran.code == 0, ran.err
    assert given == [photo, photo]
    assert sorted(made(tmp_path / "out")) == [Path("photo-new.png"), Path("row-new.png")]


def test_no_input_is_overwritten(stylize, net):
    net("johnson", name="one.pt")
    ran = stylize("apply", "one.pt", "photo.png", "--engine", "ray", "-o", ".")
    assert (ran.code, ran.out) == (2, b"")
    assert re.search("inputs lie in .* and would be overwritten: name another folder", ran.err)


@pytest.mark.usefixtures("here", "job")
def test_results_within_the_input_folder_are_no_inputs(stylize, picture_file):
    picture_file(9, 8, name="album/a.png")
    run = ["apply", "net.pt", "album", "--style", "munch", *LOCAL[:2], "--engine", "ray"]
    assert stylize(*run, "-o", "album/out").line.endswith("album/out/a-munch.png")
    assert "skipped: 1" in stylize(*run, "-o", "album/out").err
    picture_file(9, 8, name="album/album/a.png")
    ran = stylize(*run, "-o", ".", "--overwrite")
    assert (ran.code, ran.out) == (2, b"")


def test_what_threads_of_a_library_print_is_no_data(capfd):
    with streams.own_stdout():
        for text in ("theirs", "theirs too"):
            thread = threading.Thread(target=print, args=(text,))
            thread.start()
            thread.join()
        print("ours", flush=True)  # noqa: T201
    print("after", flush=True)  # noqa: T201
    assert capfd.readouterr() == ("ours\nafter\n", "theirs\ntheirs too\n")


def fail():
    raise OSError("traceback\nStylizeError: no weights")


class Refs:
    """What of Ray a crew needs: work is done when it is waited for, first come, first served."""

    exceptions = SimpleNamespace(RayError=OSError)

    def __init__(self):
        self.hired, self.killed = 0, 0
        self.unready = ()  # numbers of workers, as they are hired, that do not start

    def remote(self, **_):
        def hired(kind):
            def start(*given):
                worker = kind(*given)
                ready = fail if self.hired in self.unready else partial(bool, worker)
                self.hired += 1
                worker.attempt = SimpleNamespace(remote=partial(partial, worker.attempt))
                worker.__ray_ready__ = SimpleNamespace(remote=lambda: ready)
                return worker

            return SimpleNamespace(remote=start)

        return hired

    def put(self, one):
        return one

    def wait(self, refs):
        return refs[:1], refs[1:]

    def get(self, ref):
        return ref()

    def kill(self, _worker):
        self.killed += 1


@pytest.fixture
def crew(monkeypatch):
    """Ray in this process, of two places, whose workers end at a picture called deadly.

    At one called broken they fail, and live on; at one called unlucky only the first few end.
    """
    there = Refs()
    there.met = 0

    class Worker:
        def __init__(self, *_given):
            pass

        def attempt(self, chunk):
            names = [order.input for order in chunk]
            there.met += bool({"deadly", "unlucky"} & {*names})
            if "deadly" in names or ("unlucky" in names and there.met <= farm.ATTEMPTS):
                raise OSError
            if "broken" in names and len(names) > 1:
                return None
            return [Report(name, "x") for name in names]

    there.nodes = lambda: [{"Alive": True, "Resources": {"CPU": 2.0}}]
    monkeypatch.setattr(farm, "_cluster", lambda _: nullcontext(there))
    monkeypatch.setattr(farm, "Painter", Worker)
    return there


def test_orders_are_asked_for_as_workers_are_free(crew, job):
    asked = 0

    def orders():
        nonlocal asked
        for asked in range(1, 10**6 + 1):
            yield Order(str(asked), "", ["x"])

    reports = farm.run(replace(job, cores=1), orders(), None)
    for done, _ in enumerate(islice(reports, 20 * farm.CHUNK), 1):
        assert asked <= done + 4 * farm.CHUNK
    reports.close()
    assert crew.hired == 2


def test_what_ends_a_worker_fails_alone_and_every_picture_has_a_report(crew, job):
    names = [f"{number}" for number in range(3 * farm.CHUNK)]
    names[40] = "deadly"
    orders = (Order(name, "", ["x"]) for name in names)
    reports = list(farm.run(replace(job, cores=1), orders, None))
    assert sorted(one.input for one in reports) == sorted(names)
    assert [one.input for one in reports if one.error] == ["deadly"]
    assert crew.met == 2 * (1 + farm.ATTEMPTS)  # by its chunk, and by itself
    assert crew.killed >= crew.met


def painted(job, *names):
    """What a cluster reports of the pictures."""
    return list(farm.run(replace(job, cores=1), (Order(one, "", ["x"]) for one in names), None))


def test_nobody_is_hired_where_nothing_is_left(crew, job):
    (report,) = painted(job, "deadly")
    assert report.error == farm.ENDED
    assert crew.hired == crew.met == 1 + farm.ATTEMPTS


def test_a_picture_whose_workers_ended_by_chance_is_painted(crew, job):
    for _ in range(2):
        crew.met = 0
        assert [one.error for one in painted(job, "unlucky")] == [""]
    assert crew.hired == 2 * (1 + farm.ATTEMPTS)


def test_what_a_library_raises_ends_no_worker(crew, job):
    names = [*map(str, range(farm.CHUNK)), "broken"]
    names[3], names[-1] = names[-1], names[3]
    assert sorted(one.input for one in painted(job, *names)) == sorted(names)
    assert crew.hired == crew.killed == 2


def test_workers_that_do_not_start_end_the_run_only_where_no_other_is_left(crew, job):
    names = [str(number) for number in range(3 * farm.CHUNK)]
    crew.unready = {1}
    assert [one.input for one in painted(job, *names)] == names
    crew.hired, crew.unready = 0, {0, 1}
    with pytest.raises(StylizeError, match=r"the cluster's workers do not start \(no weights\)"):
        painted(job, *names)


def test_a_cluster_that_fails_is_an_error_that_says_what_to_do(crew, job, monkeypatch):
    def wait(_refs):
        raise OSError("no head\nand more")

    monkeypatch.setattr(crew, "wait", wait)
    with pytest.raises(StylizeError, match=r"fails \(no head\): see ray .* --overwrite, goes on"):
        painted(job, "1")


@pytest.mark.usefixtures("crew")
def test_a_worker_has_its_next_chunk_before_lines_are_written(job, monkeypatch):
    given, give = [], farm._Crew.give
    monkeypatch.setattr(farm._Crew, "give", lambda *one: (given.append(one), give(*one)))
    orders = (Order(str(number), "", ["x"]) for number in range(5 * farm.CHUNK))
    next(farm.run(replace(job, cores=1), orders, None))
    assert len(given) == 3  # one to each of two, and the next to who was the first to be done


@pytest.mark.usefixtures("crew", "job")
def test_what_is_done_is_told_where_a_listing_fails(stylize, picture_file, monkeypatch):
    picture_file(9, 8, name="album/a.png")

    def found(*_given, **_named):
        yield from [Order("a.png", "", ["x"])] * (BLOCK + 1)
        raise StylizeError("the table is damaged: make it anew")

    monkeypatch.setattr(farming.orders, "found", found)
    ran = stylize("apply", "net.pt", "album", "--style", "munch", "--engine", "ray", "-o", "out")
    assert ran.code == 2
    *_, summary, error = ran.err.splitlines()
    assert error == "error: the table is damaged: make it anew"
    written = int(re.fullmatch(r"(\d+) results written, 0 failed", summary)[1])
    assert written == len(ran.out.splitlines()) > BLOCK - 3 * farm.CHUNK


def test_a_painting_is_learnt_on_the_photos_that_can_be_read(tmp_path):
    (tmp_path / "there.jpg").write_bytes(b"photo")
    orders = [Order(name, str(tmp_path / name), ["x"]) for name in ("gone.jpg", "there.jpg")]
    assert list(farming._readable(orders)) == [b"photo"]
