"""A converted model as it is kept: one file of OpenVINO's two, and what is known of it."""

import json
from dataclasses import asdict, dataclass

from stylize_cli.engines import About, quantising
from stylize_cli.engines.quantising import Range


@dataclass(frozen=True)
class Graph:
    """A converted model, as OpenVINO writes it: its layers, its weights, and what they are.

    Attributes:
        ranges: for eight bits, none where these will not do; None where nobody has looked yet.
    """

    about: About
    xml: bytes
    weights: bytes
    ranges: tuple[Range, ...] | None = None


def pack(graph: Graph) -> bytes:
    """One file: a line of JSON, the layers, the weights."""
    header = {"about": asdict(graph.about), "layers": len(graph.xml), "ranges": graph.ranges}
    return json.dumps(header, default=str).encode() + b"\n" + graph.xml + graph.weights


def unpack(body: bytes) -> Graph:
    """What `pack` made."""
    line, _, rest = body.partition(b"\n")
    header = json.loads(line)
    fields = header["about"]
    about = About(**{**fields, "styles": tuple(fields["styles"])})
    ranges = header["ranges"]
    ranges = None if ranges is None else quantising.read_ranges(ranges)
    return Graph(about, rest[: header["layers"]], rest[header["layers"] :], ranges)
