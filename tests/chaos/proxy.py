"""The network between clients and server: a TCP proxy that can be told to misbehave."""
import asyncio
import contextlib
import random
import threading

BANDWIDTH = 8 << 20  # bytes a second of one connection and direction, while nothing is wrong
PIECE = 1 << 14


class Proxy:
    """Forwards localhost:`port` to localhost:`target`. The faults hold for every connection until heal()."""

    def __init__(self, target, seed):
        self.target, self.rng = target, random.Random(seed)
        self.refusing, self.latency, self.bandwidth, self.cut_within = False, 0.0, BANDWIDTH, 0
        self.cuts = 0  # connections ended in the middle of what they carried
        self.writers = set()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        started = threading.Event()
        self.loop.call_soon(lambda: self.loop.create_task(self._listen(started)))
        self.thread.start()
        started.wait(10)

    def drop(self):
        """Ends what is open and answers nobody."""
        self.refusing = True
        self.loop.call_soon_threadsafe(self._end_all)

    def delay(self, seconds):
        """Everything takes so much longer."""
        self.latency = seconds

    def cut(self, within):
        """Each connection ends after some more bytes, `within` at most: in the middle of a message, mostly."""
        self.cut_within = within

    def halve(self):
        """Half the bandwidth of before."""
        self.bandwidth /= 2

    def heal(self):
        self.refusing, self.latency, self.bandwidth, self.cut_within = False, 0.0, BANDWIDTH, 0

    def close(self):
        self.drop()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    async def _listen(self, started):
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set()

    def _end_all(self):
        for writer in list(self.writers):
            writer.transport.abort()

    async def _accept(self, reader, writer):
        if self.refusing:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()  # the server is down
            return
        pair = {writer, server_writer}
        self.writers |= pair
        for one in pair:
            one.transport.set_write_buffer_limits(0)  # drain() then means sent
        pumps = [asyncio.create_task(self._pump(*ends)) for ends in ((reader, server_writer), (server_reader, writer))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        self.writers -= pair
        for one in pair:
            one.transport.abort()

    async def _pump(self, reader, writer):
        left = None  # bytes until the cut
        with contextlib.suppress(OSError):
            while data := await reader.read(PIECE):
                await asyncio.sleep(self.latency + len(data) / self.bandwidth)
                if not self.cut_within:
                    left = None
                elif left is None:
                    left = self.rng.randrange(self.cut_within)
                if left is not None and len(data) > left:
                    self.cuts += 1
                    writer.write(data[:left])
                    await writer.drain()
                    return
                if left is not None:
                    left -= len(data)
                writer.write(data)
                await writer.drain()
