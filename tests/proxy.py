"""A TCP proxy in front of a real server, which fails as it is told and heals again. It runs in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

Mode = Literal["pass", "slow", "stall", "reset", "late reset", "cut", "refuse"]
_PATIENCE_S = 10
_SLOW_PAUSE_S = 0.05


class _Trigger:
    """What to do at some request; see ``Proxy.when``."""

    def __init__(self, mark: str, left: int, action: Callable[[], None] | None, mode: Mode | None, answered: bool) -> None:
        self.mark = mark.encode()
        self.left = left
        self.action = action
        self.mode = mode
        self.answered = answered


class _Connection:
    """Of the request that is under way on a connection: how it alone fails, and what is to be done when its answer comes."""

    mode: Mode | None = None
    awaited: _Trigger | None = None


class Proxy:
    """Forwards connections to ``target`` from a port of loopback.

    Modes:
        pass: forwards everything.
        slow: forwards everything in small pieces with pauses between them.
        stall: takes what is sent and answers nothing, on connections that are open too; these stay dead when it heals (half-open).
        reset: resets connections when something is sent.
        late reset: the same, ``late_s`` seconds after.
        cut: forwards the first bytes of an answer and resets.
        refuse: nothing listens, and open connections are reset, as when a process was killed.
    """

    def __init__(self, target: tuple[str, int], late_s: float, host: str = "127.0.0.1") -> None:
        self._target = target
        self._host = host
        self._late_s = late_s
        self._mode: Mode = "pass"
        self._to_pass = 0  # requests that are still answered before the mode takes effect
        self._failing = False
        self._triggers: list[_Trigger] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self.port = 0

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        self._call(self._listen())
        try:
            yield self
        finally:
            self._call(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(_PATIENCE_S)
            self._loop.close()

    def fail(self, mode: Mode, after_requests: int = 0) -> None:
        """Fail from now on, or after some more requests."""
        self._call(self._change(mode, after_requests))

    def when(
        self, mark: str, nth: int, action: Callable[[], None] | None = None, *, mode: Mode | None = None, answered: bool = False
    ) -> None:
        """Let the nth request from now on whose first line bears a mark fail, once.

        Args:
            mark: such as ``_bulk``.
            nth: from 1.
            action: called in a thread before the request is forwarded.
            mode: how this one request fails.
            answered: the action waits until the answer has come, and the answer is lost: its connection is reset.
        """
        self._triggers.append(_Trigger(mark, nth, action, mode, answered))

    def heal(self) -> None:
        self._triggers.clear()
        self._call(self._change("pass", 0))

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    async def _change(self, mode: Mode, to_pass: int) -> None:
        self._mode, self._to_pass, self._failing = mode, to_pass, mode not in {"pass", "slow"} and to_pass == 0
        if mode == "refuse":
            await self._close()
        elif self._server is None:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._server = None
        for writer in list(self._open):
            _reset(writer)

    async def _end(self) -> None:
        """Leave nothing behind: connections in the middle of an exchange are ended, and what the loop has to do for them is done."""
        await self._close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        upstream: asyncio.StreamWriter | None = None
        try:
            answers, upstream = await asyncio.open_connection(*self._target)
            here = _Connection()
            pumps = (
                self._pump(reader, upstream, lambda data: self._on_request(data, here)),
                self._pump(answers, writer, lambda data: self._on_answer(data, here)),
            )
            done, pending = await asyncio.wait([asyncio.create_task(pump) for pump in pumps], return_when=asyncio.FIRST_COMPLETED)
            for task in (*done, *pending):
                task.cancel()
            await asyncio.gather(*done, *pending, return_exceptions=True)
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            _reset(writer) if self._failing else writer.close()
            if upstream is not None:
                upstream.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, look: Callable[[bytes], Any]) -> None:
        while data := await reader.read(65536):
            passed = await look(data)
            if passed is None:
                continue
            size = len(passed) // 4 + 1 if self._mode == "slow" else len(passed)
            for at in range(0, len(passed), size):
                writer.write(passed[at : at + size])
                await writer.drain()
                if self._mode == "slow":
                    await asyncio.sleep(_SLOW_PAUSE_S)
            if len(passed) < len(data):
                raise ConnectionResetError

    async def _on_request(self, data: bytes, here: _Connection) -> bytes | None:
        if data.startswith((b"POST ", b"GET ", b"PUT ")):
            self._failing = self._mode not in {"pass", "slow"} and self._to_pass == 0
            self._to_pass = max(0, self._to_pass - 1)
            await self._pull_triggers(data.partition(b"\r\n")[0], here)
        mode = self._failure(here)
        if mode in {"pass", "cut"}:
            return data
        if mode == "stall":
            return None
        if mode == "late reset":
            await asyncio.sleep(self._late_s)
        raise ConnectionResetError

    async def _pull_triggers(self, first_line: bytes, here: _Connection) -> None:
        here.mode = here.awaited = None
        for trigger in [each for each in self._triggers if each.mark in first_line]:
            trigger.left -= 1
            if trigger.left:
                continue
            self._triggers.remove(trigger)
            here.mode = trigger.mode
            if trigger.answered:
                here.awaited = trigger
            elif trigger.action is not None:
                await asyncio.to_thread(trigger.action)

    async def _on_answer(self, data: bytes, here: _Connection) -> bytes | None:
        if here.awaited is not None:
            if here.awaited.action is not None:
                await asyncio.to_thread(here.awaited.action)
            raise ConnectionResetError
        mode = self._failure(here)
        if mode not in {"stall", "cut"}:
            return data
        return data[:100] if mode == "cut" else None

    def _failure(self, here: _Connection) -> Mode:
        return here.mode or (self._mode if self._failing else "pass")


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close without a goodbye: the other side sees the connection reset."""
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
