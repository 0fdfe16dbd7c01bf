"""A web server on loopback, in a thread of its own, that misbehaves on order and logs what it was asked."""

import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """One request, as the server got it; its place in `FaultServer.requests` is its number."""

    path: str
    headers: dict[str, str]


def answer(body: bytes = b"", status: str = "200 OK", length: int | None = None, **headers: str) -> bytes:
    """The bytes of an answer; `length` lies about the body's, names of headers may have _ for -."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def redirect(to: str, status: str = "302 Found") -> bytes:
    return answer(status=status, Location=to)


async def reset(writer: asyncio.StreamWriter) -> None:
    """Cut the connection in the middle of nothing."""
    writer.transport.abort()


def cut(body: bytes, promised: int | None = None) -> Callable:
    """Promise the whole body, send half of it, and close; or promise more than all of it."""

    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body, length=promised) if promised else answer(body)[: -len(body) // 2])
        await writer.drain()
        writer.close()

    return send


def endless(start: bytes) -> Callable:
    """A body that goes on for ever, as fast as it is read."""

    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + start)
        while not writer.is_closing():
            writer.write(bytes(2**18))
            await writer.drain()

    return send


def drip(body: bytes, seconds: float = 0.02) -> Callable:
    """A byte now and then: each read succeeds, the whole never does."""

    async def send(writer: asyncio.StreamWriter) -> None:
        whole = answer(body)
        for i in range(len(whole)):
            writer.write(whole[i : i + 1])
            await writer.drain()
            await asyncio.sleep(seconds)

    return send


def late(content: bytes, seconds: float) -> Callable:
    """An ordinary answer after a while."""

    async def send(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        writer.write(content)

    return send


class FaultServer:
    """Answers a path by what it was given: bytes or coroutine functions of the writer, one after the other.

    The last one stays. Other paths, robots.txt among them, answer 404.
    """

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None):
        self.host, self.tls = host, tls
        self.routes: dict[str, object] = {}
        self.requests: list[Request] = []
        self.at_once: Counter[str] = Counter()
        self.most_at_once = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        starting = asyncio.start_server(self._serve, self.host, 0, ssl=self.tls)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *error):
        async def close():
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, path: str, host: str | None = None) -> str:
        return f"http{'s' if self.tls else ''}://{host or self.host}:{self.port}{path}"

    def add(self, path: str, *answers) -> str:
        """Give a path its answers; returns its address."""
        self.routes[path] = list(answers)
        return self.url(path)

    def asked(self, path: str | None = None) -> int:
        """How many requests there were, of one path or of all but robots.txt."""
        paths = [request.path for request in self.requests]
        return paths.count(path) if path else len(paths) - paths.count("/robots.txt")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = dict(line.split(": ", 1) for line in head[1:] if line)
                path = head[0].split(" ")[1]
                self.requests.append(Request(path, {name.lower(): value for name, value in headers.items()}))
                self.at_once["now"] += 1
                self.most_at_once = max(self.most_at_once, self.at_once["now"])
                try:
                    await self._answer(path, writer)
                finally:
                    self.at_once["now"] -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        answers = self.routes.get(path, [answer(status="404 Not Found")])
        content = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(content):
            await content(writer)
        else:
            writer.write(content)
        if not writer.is_closing():
            await writer.drain()
