"""How long a preview of the page takes, asked for as the page does while a slider moves.

    python benchmarks/page.py [MODEL] [--styles 4] [--times 40]

It runs `stylize page`, mixes styles of the model over its first example photo, and moves their
weights a little with every look. A look is a request over HTTP and its answer, a JPEG whose long
side is 384 px; the first, which opens the network, is not counted.
"""

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import time
from urllib.parse import urlsplit

from processes import machine


class Line:
    """A browser's line to the page, as it was printed."""

    def __init__(self, address: str) -> None:
        where = urlsplit(address)
        self.line = http.client.HTTPConnection(where.netloc)
        self.line.request("GET", f"/?{where.query}")
        answer = self.line.getresponse()
        answer.read()
        self.headers = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}

    def snapshot(self) -> dict:
        """What the page shows at first."""
        self.line.request("GET", "/api/events", headers=self.headers)
        said = self.line.getresponse().readline()
        self.line.close()  # which would go on for ever
        return json.loads(said.removeprefix(b"data: "))

    def glimpse(self, wish: dict) -> tuple[float, int]:
        """Seconds until a preview is there, and its bytes."""
        began = time.perf_counter()
        self.line.request("POST", "/api/glimpse", json.dumps(wish), self.headers)
        answer = self.line.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise SystemExit(data.decode())
        return time.perf_counter() - began, len(data)


def looks(address: str, model: str, styles: int, times: int) -> tuple[list[float], int]:
    """Milliseconds of every look, the first one too, and the bytes of the last."""
    line = Line(address)
    seen = line.snapshot()
    names = next(one["styles"] for one in seen["networks"] if one["name"] == model)
    photo = next(one["id"] for one in seen["pictures"] if one["role"] == "photo")
    took, size = [], 0
    for look in range(times + 1):
        weights = {name: 1 + look * at for at, name in enumerate(names[:styles])}
        wish = {"kind": "paint", "photo": photo, "model": model, "styles": weights}
        seconds, size = line.glimpse(wish)
        took.append(1000 * seconds)
    return took, size


def main() -> None:
    """Prints the milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="classics")
    parser.add_argument("--styles", type=int, default=4)
    parser.add_argument("--times", type=int, default=40)
    args = parser.parse_args()
    print(machine())
    command = [sys.executable, "-m", "stylize_cli", "page", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as page:
        try:
            address = page.stdout.readline().strip()
            (first, *took), size = looks(address, args.model, args.styles, args.times)
        finally:
            page.terminate()
    middle, slow = statistics.median(took), sorted(took)[int(0.95 * (len(took) - 1))]
    columns = "styles", "median, ms", "95 of 100 within, ms", "first, ms", "bytes"
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    print(f"| {args.styles} | {middle:.0f} | {slow:.0f} | {first:.0f} | {size} |")


if __name__ == "__main__":
    main()
