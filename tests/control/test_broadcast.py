"""The broadcast: who is told of what, and who is handed back to its own coroutine."""

from __future__ import annotations

import asyncio

from launcher.control.broadcast import Broadcast

KEPT = 3


class News:
    """Events by their number, the last few of them."""

    def __init__(self) -> None:
        self.last = 0
        self.asked = 0


class Place:
    def __init__(self, news: News, services: frozenset[str] = frozenset()) -> None:
        self._news = news
        self._at = news.last
        self._services = services

    @property
    def mark(self) -> tuple[int, frozenset[str]]:
        return self._at, self._services

    def move(self, number: int) -> None:
        self._at = number

    def take(self) -> list[bytes] | None:
        self._news.asked += 1
        if self._news.last - self._at > KEPT:
            return None
        found = [b"%d;" % number for number in range(self._at + 1, self._news.last + 1)]
        self._at = self._news.last
        return [] if self._services else found


class Part:
    def __init__(self) -> None:
        self.takes_more = True
        self.written = b""

    def write_part(self, part: bytes) -> None:
        size, _, rest = part.partition(b"\r\n")
        data = rest[: int(size, 16)]
        assert data, "an empty part would be the end of the answer"
        assert rest == data + b"\r\n"
        self.written += data


async def attending(broadcast: Broadcast, place: Place, part: Part) -> asyncio.Task[bool]:
    task = asyncio.ensure_future(broadcast.attend(place, part, patience=30))
    await asyncio.sleep(0)
    return task


def test_all_in_one_place_are_sent_the_same_and_it_is_made_once():
    async def run() -> None:
        broadcast, news, parts = Broadcast(), News(), [Part() for _ in range(50)]
        tasks = [await attending(broadcast, Place(news), part) for part in parts]
        for news.last in (1, 2):
            broadcast.spread()
        assert {part.written for part in parts} == {b"1;2;"}
        assert news.asked == 2
        broadcast.dismiss()
        assert all(await asyncio.gather(*tasks))

    asyncio.run(run())


def test_who_does_not_keep_up_is_handed_back_where_it_was():
    async def run() -> None:
        broadcast, news, slow, quick = Broadcast(), News(), Part(), Part()
        place = Place(news)
        task = await attending(broadcast, place, slow)
        other = await attending(broadcast, Place(news), quick)
        slow.takes_more = False
        news.last = 1
        broadcast.spread()
        assert await task
        assert (slow.written, place.mark[0], quick.written) == (b"", 0, b"1;")
        assert not other.done()
        broadcast.dismiss()
        await other

    asyncio.run(run())


def test_more_than_is_kept_hands_back():
    async def run() -> None:
        broadcast, news, part = Broadcast(), News(), Part()
        task = await attending(broadcast, Place(news), part)
        news.last = KEPT + 1
        broadcast.spread()
        assert await task
        assert part.written == b""

    asyncio.run(run())


def test_what_does_not_concern_a_client_is_passed_over():
    async def run() -> None:
        broadcast, news, part = Broadcast(), News(), Part()
        place = Place(news, frozenset({"web"}))
        task = await attending(broadcast, place, part)
        news.last = 1
        broadcast.spread()
        assert (part.written, place.mark[0], task.done()) == (b"", 1, False)
        broadcast.dismiss()
        await task

    asyncio.run(run())


def test_a_quiet_while_is_told():
    async def run() -> None:
        assert not await Broadcast().attend(Place(News()), Part(), patience=0.01)

    asyncio.run(run())
