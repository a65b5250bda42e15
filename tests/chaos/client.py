"""A thread that calls the server and takes note of what became of it."""
import random
import threading
import traceback

import grpc
from api import Api, End, by_server, end_of

OURS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS}


class Client(threading.Thread):
    """Calls act() until it is told to stop. Its choices come from the seed and its name."""

    def __init__(self, name, journal, port, seed):
        super().__init__(name=name, daemon=True)
        self.journal, self.api = journal, Api(port)
        self.rng = random.Random(f"{seed}/{name}")
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.is_set():
            try:
                self.act()
            except Exception:
                self.journal.trouble(f"{self.name}: {traceback.format_exc()}")
        self.api.channel.close()

    def act(self):
        raise NotImplementedError

    def pause(self, least, most):
        self.stopped.wait(self.rng.uniform(least, most))

    def attempt(self, what, call):
        """Calls once: how it ended, and its answer or error."""
        try:
            answer = call()
            self.journal.count(what, End.DONE)
            return End.DONE, answer
        except grpc.RpcError as error:
            end = end_of(error)
            self.journal.count(what, end)
            if error.code() in OURS and by_server(error):
                self.journal.odd.append((what, error))
            return end, error

    def settle(self, what, call, rounds=6):
        """Calls until there is an answer: how it ended, answer or error, and whether an earlier round is in doubt."""
        doubted = False
        while True:
            end, answer = self.attempt(what, call)
            rounds -= 1
            if end is not End.DOUBT or rounds == 0:
                return end, answer, doubted
            doubted = True
            self.pause(0.05, 0.6)
