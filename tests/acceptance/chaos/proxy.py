"""A wire between one process and one server: cut, refused at once or silent like a dropped cable, or only slow."""

import asyncio
import contextlib
import threading


class Wires:
    """All wires, in one thread of their own."""

    def __init__(self) -> None:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._thread.start()

    def lay(self, host: str, port: int) -> "Wire":
        """Return a new wire to the server at `host` and `port`."""
        wire = Wire(self, host, port)
        wire.port = self.call(wire._listen())
        return wire

    def call(self, work: object) -> int:
        """Run a coroutine in the thread and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)  # type: ignore[arg-type]

    def close(self) -> None:
        """End the thread, and every connection with it."""
        self.call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=60)

    @staticmethod
    async def _end() -> int:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)
        return 0


class Wire:
    """One wire; `port` is its end on this side."""

    def __init__(self, wires: Wires, host: str, port: int) -> None:
        self.port, self._wires, self._target = 0, wires, (host, port)
        self._flows = asyncio.Event()
        self._flows.set()
        self._refuses = False
        self._rate = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()

    def cut(self, *, silent: bool) -> None:
        """Cut the wire. `silent`: nothing arrives any more; otherwise connections break and are refused."""
        self._wires.call(self._cut(silent))

    def slow(self, rate: int) -> None:
        """Let each connection send no more than `rate` bytes a second to the server; its answers are not held up."""
        self._rate = rate

    def mend(self) -> None:
        """Let everything through again; what a silent wire held back arrives now."""
        self._wires.call(self._mend())

    async def _listen(self) -> int:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])

    async def _cut(self, silent: bool) -> int:
        if silent:
            self._flows.clear()
            return 0
        self._refuses = True
        for writer in self._writers:
            writer.transport.abort()
        return 0

    async def _mend(self) -> int:
        self._refuses, self._rate = False, 0
        self._flows.set()
        return 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._flows.wait()
            if self._refuses:
                raise ConnectionError
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        ways = ((reader, far_writer, True), (far_reader, writer, False))
        pumps = [asyncio.create_task(self._pump(*way)) for way in ways]
        self._pumps.update(pumps)
        with contextlib.suppress(asyncio.CancelledError):  # the end of everything
            await asyncio.wait(pumps)
        self._pumps.difference_update(pumps)
        self._writers -= {writer, far_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_request: bool) -> None:
        with contextlib.suppress(OSError):
            while block := await reader.read(self._rate // 10 if self._rate and is_request else 65536):
                await self._flows.wait()
                if self._rate and is_request:
                    await asyncio.sleep(len(block) / self._rate)
                writer.write(block)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()
