"""The two servers, each started with one model, on free ports of the loopback; and what memory they hold."""

import contextlib
import pathlib
import re
import shutil
import socket
import time
import urllib.error
import urllib.request

import measure
from tagging import onnx_folder

MODEL = "ner"
PATIENCE = 120  # seconds for a server to be ready
LISTENING = re.compile(r" listening grpc=(\d+) http=(\d+)")


def free_ports(count):
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [s.getsockname()[1] for s in sockets]


def wait_for(true, process, log):
    end = time.monotonic() + PATIENCE
    while not true():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the server is not ready, see {log}")
        time.sleep(0.005)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def memory(pid, field):
    """MB of a field of /proc/PID/status, VmRSS or VmHWM, of the process and all that it started."""
    children, status = {}, {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end meanwhile
            lines = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            children.setdefault(int(lines["PPid"]), []).append(int(folder.name))
            status[int(folder.name)] = int(lines.get(field, "0").split()[0]) / 1024
    tree = [pid]
    for process in tree:
        tree += children.get(process, [])
    return sum(status.get(process, 0) for process in tree)


@contextlib.contextmanager
def started(setting, options):
    """fintagd on the data folder as it is. Yields the process, HOST:PORT, and a function that says how long ago it was
    started."""
    log = setting.log("fintagd")
    log.unlink(missing_ok=True)
    begin = time.monotonic()
    process = measure.start([setting.bin / "fintagd", "--data-dir", data_folder(setting), "--listen", "localhost:0",
                             "--metrics-listen", "localhost:0", "--threads", setting.threads, *options],
                            measure.environment(setting.threads), log)
    try:
        wait_for(lambda: LISTENING.search(log.read_text()), process, log)
        grpc, http = LISTENING.search(log.read_text()).groups()
        wait_for(lambda: answers(f"http://localhost:{http}/readyz"), process, log)
        yield process, f"localhost:{grpc}", lambda: time.monotonic() - begin
    finally:
        measure.end(process)


def data_folder(setting):
    return setting.work / "fintagd-data"


def metric(setting, name):
    """The sum of a metric's series, of the server that runs."""
    http = LISTENING.search(setting.log("fintagd").read_text()).group(2)
    with urllib.request.urlopen(f"http://localhost:{http}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + "{", name + " ")))


@contextlib.contextmanager
def fintagd(setting, checkpoint, options):
    """As `started`, with nothing but the model in its data folder, from the start."""
    shutil.rmtree(data_folder(setting), ignore_errors=True)
    data_folder(setting).mkdir(parents=True)
    with started(setting, options) as (_, address, _):
        measure.run([setting.bin / "fintag", "--server", address, "models", "import", MODEL, "--from", checkpoint],
                    measure.environment(setting.threads), setting.log("fintag"))
    with started(setting, options) as server:
        yield server


@contextlib.contextmanager
def kserve(setting, checkpoint, options):
    grpc, http = free_ports(2)
    log = setting.log("kserve")
    begin = time.monotonic()
    command = setting.peer("serve_kserve.py", "--checkpoint", checkpoint, "--onnx", onnx_folder(setting), "--threads",
                           setting.threads, "--grpc_port", grpc, "--http_port", http, *options)
    process = measure.start(command, measure.environment(setting.threads), log)
    try:
        wait_for(lambda: answers(f"http://localhost:{http}/v2/models/{MODEL}/ready"), process, log)
        yield process, f"localhost:{grpc}", lambda: time.monotonic() - begin
    finally:
        measure.end(process)
