"""The page's addresses: what may be asked, and what is answered."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from stylize_cli.api.picture import Picture
from stylize_cli.errors import StylizeError
from stylize_cli.page import making, shelf, studio, wishes
from stylize_cli.page.studio import Studio

STATIC = Path(__file__).with_name("static")
LARGEST_WISH = 1 << 16  # bytes
PREVIEW, FINE = 384, 1024  # px, long side: while a slider moves, and when it is let go
REST = 0.1  # seconds between two snapshots

Answer = Callable[[Request], Awaitable[Response]]


def app(rooms: Studio) -> Starlette:
    """The page on a studio, for whoever has passed the gate."""
    page = _Page(rooms)
    return Starlette(
        routes=[
            Route("/", page.front),
            Route("/api/events", page.events),
            Route("/api/pictures", _told(page.give), methods=["POST"]),
            Route("/api/pictures/{id}", _told(page.remove), methods=["DELETE"]),
            Route("/api/pictures/{id}", _told(page.photo)),
            Route("/api/pictures/{id}/thumbnail", _told(page.thumbnail)),
            Route("/api/networks", _told(page.offer), methods=["POST"]),
            Route("/api/styles", _told(page.styles)),
            Route("/api/glimpse", _told(page.glimpse), methods=["POST"]),
            Route("/api/plan", _told(page.plan), methods=["POST"]),
            Route("/api/jobs", _told(page.begin), methods=["POST"]),
            Route("/api/jobs/{id}", _told(page.stop), methods=["DELETE"]),
            Route("/api/jobs/{id}/picture", _told(page.emerging)),
            Route("/api/made/{id}.{suffix}", _told(page.made)),
            Route("/api/made/{id}/thumbnail", _told(page.made_thumbnail)),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
    )


class _Page:
    """What is answered at each address."""

    def __init__(self, rooms: Studio) -> None:
        self.studio = rooms

    async def front(self, _request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def events(self, _request: Request) -> Response:
        return StreamingResponse(self._snapshots(), media_type="text/event-stream")

    async def _snapshots(self) -> AsyncIterator[str]:
        """All that is shown, at once and whenever it changes."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            loop.call_soon_threadsafe(changed.set)

        end = self.studio.listen(tell)
        try:
            while True:
                changed.clear()
                yield f"data: {json.dumps(self.studio.snapshot())}\n\n"
                await asyncio.sleep(REST)
                await changed.wait()
        finally:
            end()

    async def give(self, request: Request) -> Response:
        name = request.query_params.get("name", "")
        role: shelf.Role = "style" if request.query_params.get("role") == "style" else "photo"
        data = await _body(request, shelf.LARGEST)
        given = await self._soon(lambda: self.studio.shelf.add(name, role, data))
        self.studio.changed()
        return JSONResponse(given.described())

    async def remove(self, request: Request) -> Response:
        self.studio.shelf.remove(request.path_params["id"])
        self.studio.changed()
        return Response(status_code=204)

    async def photo(self, request: Request) -> Response:
        one = self.studio.shelf[request.path_params["id"]]
        return _jpeg(await self._soon(lambda: one.within(FINE).encoded("JPEG", quality=90)))

    async def thumbnail(self, request: Request) -> Response:
        one = self.studio.shelf[request.path_params["id"]]
        return _jpeg(one.within(shelf.THUMBNAIL).encoded("JPEG", quality=85))

    async def offer(self, request: Request) -> Response:
        file = str((await _json(request)).get("file", ""))
        offer = await self._soon(lambda: self.studio.networks.add(file))
        self.studio.changed()
        return JSONResponse(asdict(offer))

    async def styles(self, request: Request) -> Response:
        asked = request.query_params
        photo, model = asked.get("photo", ""), asked.get("model", "")
        return _jpeg(await self._soon(lambda: self.studio.styles_sheet(photo, model)))

    async def glimpse(self, request: Request) -> Response:
        wish = wishes.parse(await _json(request))
        side = FINE if "fine" in request.query_params else PREVIEW
        data = await self._soon(lambda: self.studio.glimpse(wish, side))
        if not data:
            return Response(status_code=204)
        return Response(data, media_type="image/jpeg")

    async def plan(self, request: Request) -> Response:
        """The command line of a wish and about how long it will take, or what is missing."""
        wish, rooms = wishes.parse(await _json(request)), self.studio
        try:
            making.check(wish, rooms.shelf)
            command = wishes.command(wish, rooms.shelf)
        except StylizeError as error:
            return JSONResponse({"command": "", "seconds": None, "missing": studio.sentence(error)})
        seconds = rooms.expected(wish)
        return JSONResponse({"command": command, "seconds": seconds, "missing": ""})

    async def begin(self, request: Request) -> Response:
        job = self.studio.add(wishes.parse(await _json(request)))
        return JSONResponse({"id": job.id}, status_code=201)

    async def stop(self, request: Request) -> Response:
        self.studio.stop(request.path_params["id"])
        return Response(status_code=204)

    async def emerging(self, request: Request) -> Response:
        """The best picture so far of the job at work, or what has just become of it."""
        for job in self.studio.jobs:
            if job.id == request.path_params["id"] and (picture := job.now.picture) is not None:
                return _jpeg(await self._soon(partial(picture.encoded, "JPEG", quality=85)))
        return Response(self.studio.find(request.path_params["id"]).data, media_type="image/png")

    async def made(self, request: Request) -> Response:
        """A picture of this sitting as a file."""
        one, suffix = self.studio.find(request.path_params["id"]), request.path_params["suffix"]
        if suffix == "png":
            return Response(one.data, media_type="image/png")
        data = await self._soon(lambda: Picture(one.data).encoded("JPEG"))
        return Response(data, media_type="image/jpeg")

    async def made_thumbnail(self, request: Request) -> Response:
        one = self.studio.find(request.path_params["id"])
        return _jpeg(one.thumbnail)

    async def _soon(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the work returns
        return await asyncio.wrap_future(self.studio.soon(work))


def _told(answer: Answer) -> Answer:
    """An answer whose errors are the command line's sentences."""

    async def told(request: Request) -> Response:
        try:
            return await answer(request)
        except StylizeError as error:
            return JSONResponse({"error": studio.sentence(error)}, status_code=422)
        except ClientDisconnect:
            return Response(status_code=400)  # which nobody reads
        except Exception as error:
            return JSONResponse({"error": studio.sentence(error)}, status_code=500)

    return told


async def _json(request: Request) -> dict[str, Any]:
    try:
        given = json.loads(await _body(request, LARGEST_WISH))
        json.dumps(given, ensure_ascii=False).encode()  # what could not be sent back: half a pair
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise StylizeError("this is not a request of the page: load it anew")
    return given


async def _body(request: Request, most: int) -> bytes:
    """The bytes that are sent, of which no more than may be are kept.

    The rest is read all the same: a browser that still sends would not hear the answer.

    Raises:
        StylizeError: there are more.
    """
    data, length = bytearray(), 0
    async for chunk in request.stream():
        length += len(chunk)
        data += chunk if length <= most else b""
    if length > most:
        raise StylizeError(f"the file is too large: give at most {most >> 20} MiB")
    return bytes(data)


def _jpeg(data: bytes) -> Response:
    return Response(data, media_type="image/jpeg")
