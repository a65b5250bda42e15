"""The command line program at a terminal, and at the end of a long pipe."""
import concurrent.futures
import fcntl
import os
import pathlib
import pty
import re
import struct
import subprocess
import termios

import grpc
import pytest
from conftest import BIN, PATIENCE
from fintag.v1 import tagging_pb2 as pb
from fintag.v1 import tagging_pb2_grpc

# Back to the line's start, and clear it.
REDRAW = "\r\x1b[K"


def at_terminal(server, *arguments, columns=100):
    """Runs fintag at a terminal of its own: its exit status and all that it drew."""
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "LC_ALL", "LC_CTYPE")}
    environment |= {"FINTAG_SERVER": server.address, "TERM": "xterm", "LANG": "C.UTF-8"}
    with subprocess.Popen([BIN / "fintag", *arguments], stdin=terminal, stdout=terminal, stderr=terminal,
                          env=environment) as program:
        os.close(terminal)
        drawn = b""
        try:
            while piece := os.read(reader, 1 << 16):
                drawn += piece
        except OSError:  # as Linux tells the end of a terminal
            pass
        os.close(reader)
        return program.wait(timeout=60 * PATIENCE), drawn.decode()


def left_on_screen(drawn):
    """The lines that still stand when all is drawn, without colours."""
    lines = [line.rsplit(REDRAW, 1)[-1] for line in drawn.replace("\r\n", "\n").split("\n")]
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]


def test_a_watch_is_drawn_live(server):
    status, drawn = at_terminal(server, "jobs", "submit", "--dataset", "small", "--base", "base", "--model", "tagger",
                                "--epochs", "3", "--learning-rate", "2e-4", "--watch")
    assert status == 0, drawn
    frames = [frame.split("\r")[0] for frame in drawn.split(REDRAW)]
    bars = [re.sub(r"\x1b\[[0-9;]*m", "", frame) for frame in frames if "━" in frame or "─" in frame]
    assert any(re.match(r"epoch [1-3]/3 [━─]+ +\d+ %  [0-9:]+ left  [0-9,]+ tokens/s  loss \d", bar) for bar in bars), frames
    assert max(map(len, bars)) < 100 and "\x1b[32m" in drawn

    screen = left_on_screen(drawn)
    assert not any("━" in line or "\x1b" in line or "\r" in line for line in screen), screen
    title = next(i for i, line in enumerate(screen) if line.split()[:2] == ["epoch", "loss"])
    assert [line.split()[0] for line in screen[title + 1:title + 4]] == ["1", "2", "3"]
    assert any(line.startswith("SUCCEEDED  models/tagger/versions/1: F1 ") for line in screen)


class Tagging(tagging_pb2_grpc.TaggingServiceServicer):
    """Finds nothing in any text."""

    def __init__(self):
        self.bytes = 0

    def TagStream(self, request_iterator, context):
        for number, request in enumerate(request_iterator, 1):
            self.bytes += sum(len(text.text) for text in request.inputs)
            yield pb.TagStreamResponse(request=number, response=pb.TagResponse(
                model_version="models/tagger/versions/1", results=[pb.TaggedText() for _ in request.inputs]))


@pytest.fixture
def tagging():
    servicer = Tagging()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    tagging_pb2_grpc.add_TaggingServiceServicer_to_server(servicer, server)
    servicer.address = f"localhost:{server.add_insecure_port('localhost:0')}"
    server.start()
    yield servicer
    server.stop(None)


def test_a_long_pipe_is_tagged_in_little_memory(tagging):
    lines, line = 100_000, b"Acme Corp. borrowed from Silicon Valley Bank. " * 22 + b"\n"
    with subprocess.Popen([BIN / "fintag", "tag", "--model", "tagger", "--file", "-"], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, env=os.environ | {"FINTAG_SERVER": tagging.address}) as program:
        for _ in range(lines // 100):
            program.stdin.write(line * 100)
        # Most of the text is behind it, for a pipe and its window hold a few megabytes at most.
        program.stdin.flush()
        status = pathlib.Path(f"/proc/{program.pid}/status").read_text(encoding="utf-8")
        program.stdin.close()
        assert program.wait(timeout=60 * PATIENCE) == 0
    assert tagging.bytes == lines * (len(line) - 1) > 100e6
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
    assert peak < 64, f"{peak:.0f} MiB"
