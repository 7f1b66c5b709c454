"""The history in Redis: a stream of changes and a hash of sessions under keys of the project's and profile's own.

Bounded by the number of entries (the size, at half a kilobyte each) and by age. Knows Redis and the records; nothing
of threads, or of when to write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import convert, json
from msgspec.structs import asdict

from launcher.observe.history.record import Record, Session, StoreTrouble

#: What an entry takes, roughly, in bytes.
ENTRY = 512
#: After so many records the age is looked at.
TRIM_EVERY = 200
#: How long an answer may take, in seconds.
PATIENCE = 2.0
#: How many entries are read at once.
PAGE = 500


class RedisStore:
    """One Redis. `url` may hold a password, which no message shows."""

    def __init__(self, url: str, *, prefix: str, keep: float, size: int, wall: Callable[[], float]) -> None:
        self._url = url
        self._changes = f"{prefix}changes"
        self._sessions = f"{prefix}sessions"
        self._keep = keep
        self._most = max(1, size // ENTRY)
        self._wall = wall
        self._client: Any = None
        self._untrimmed = TRIM_EVERY

    def write(self, session: Session, records: Sequence[Record]) -> None:
        with self._speaking() as client:
            batch = client.pipeline(transaction=True)
            batch.hset(self._sessions, session.id, json.encode(session))
            for record in records:
                fields = {name: value for name, value in asdict(record).items() if value is not None}
                batch.xadd(self._changes, fields, maxlen=self._most, approximate=True)
            batch.execute()
            self._untrimmed += len(records)
            if self._untrimmed >= TRIM_EVERY:
                self._trim(client)
                self._untrimmed = 0

    def sessions(self) -> list[Session]:
        with self._speaking() as client:
            found = [json.decode(text, type=Session) for text in client.hvals(self._sessions)]
        return sorted(found, key=lambda session: session.began)

    def records(self, services: Sequence[str]) -> Iterator[Record]:
        # What was written when the answer got lost was written again: a record counts once.
        known: set[tuple[str, int]] = set()
        after = "-"
        with self._speaking() as client:
            while page := client.xrange(self._changes, min=after, count=PAGE):
                after = f"({page[-1][0]}"
                for _, fields in page:
                    record = convert(fields, Record, strict=False)
                    if (record.session, record.number) in known:
                        continue
                    known.add((record.session, record.number))
                    if not services or {record.service, record.instance, record.label} & set(services):
                        yield record

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _trim(self, client: Any) -> None:
        seconds, _ = client.time()  # ids are of Redis' own clock
        client.xtrim(self._changes, minid=f"{max(0, int((seconds - self._keep) * 1000))}", approximate=True)
        oldest = self._wall() - self._keep
        gone = [one.id for one in self.sessions() if one.seen < oldest]
        if gone:
            client.hdel(self._sessions, *gone)

    @contextmanager
    def _speaking(self) -> Iterator[Any]:
        try:
            from redis import Redis, RedisError  # noqa: PLC0415  (an extra)
            from redis.backoff import NoBackoff  # noqa: PLC0415
            from redis.retry import Retry  # noqa: PLC0415
        except ImportError as error:
            text = "keeping it in Redis needs the package redis: pip install 'launcher[redis]'"
            raise StoreTrouble(text, lasting=True) from error
        try:
            if self._client is None:
                client = Redis.from_url(
                    self._url,
                    decode_responses=True,
                    socket_timeout=PATIENCE,
                    socket_connect_timeout=PATIENCE,
                    retry=Retry(NoBackoff(), 0),  # we have a pace of our own
                )
                for key, kind in ((self._changes, "stream"), (self._sessions, "hash")):
                    found = str(client.type(key))
                    if found not in (kind, "none"):
                        client.close()
                        text = f"the key {key} is somebody else's: a {found}, and not a {kind} (WRONGTYPE)"
                        raise StoreTrouble(text)
                self._client = client
            yield self._client
        except (RedisError, OSError, ValueError) as error:
            self.close()
            raise StoreTrouble(f"cannot use Redis at {_place(self._url)}: {_say(error, self._url)}") from error


def _place(url: str) -> str:
    """The host or path of an address, and nothing else of it."""
    return url.partition("://")[2].rpartition("@")[2].partition("?")[0]


def _say(error: Exception, url: str) -> str:
    """What is wrong, without the password if the library should quote it."""
    userinfo = url.partition("://")[2].rpartition("@")[0]
    text = str(error) or type(error).__name__
    for secret in (userinfo, userinfo.partition(":")[2]):
        text = text.replace(secret, "***") if secret else text
    return text
