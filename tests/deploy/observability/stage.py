"""A real Prometheus beside a real server, and callers who remember what they were answered."""
import collections
import json
import random
import shutil
import socket
import subprocess
import threading
import time
import urllib.request

import grpc
import tokenizers
import yaml
from e2e import BASE, CORPUS, ROOT, wait_for

PROMETHEUS = ROOT / "deploy/prometheus"
INTERVAL = 1  # seconds between scrapes


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


class PrometheusProcess:
    """Runs deploy/prometheus as it is checked in, but for the server's address and shorter intervals."""

    def __init__(self, folder, target, interval=INTERVAL):
        config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
        config["global"].update(scrape_interval=f"{interval}s", evaluation_interval=f"{interval}s")
        port = free_port()
        for job in config["scrape_configs"]:
            address = {"fintagd": target, "prometheus": f"localhost:{port}"}[job["job_name"]]
            job["static_configs"] = [{"targets": [address]}]
        folder.mkdir(parents=True)
        shutil.copytree(PROMETHEUS / "rules", folder / "rules")
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        self.address = f"http://localhost:{port}"
        self.log = folder / "log"
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [shutil.which("prometheus") or "prometheus", f"--config.file={folder / 'prometheus.yml'}",
                 f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=localhost:{port}"],
                stdout=log, stderr=log)
        self.start = time.time()
        wait_for(self._scraped, 30, "Prometheus's first scrape")

    def _scraped(self):
        """Whether every target has answered: until then a counter that moves has no value to move from."""
        try:
            with urllib.request.urlopen(f"{self.address}/api/v1/targets", timeout=1) as answer:
                targets = json.load(answer)["data"]["activeTargets"]
            return targets and all(target["health"] == "up" for target in targets)
        except OSError:
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)


class Callers:
    """Threads that tag texts of the corpus and add up what they asked for and what came back."""

    def __init__(self, server, model="models/tagger", threads=2, pause=0.0, most_texts=8):
        self.server, self.model, self.pause, self.most_texts = server, model, pause, most_texts
        self.codes, self.entities = collections.Counter(), collections.Counter()
        self.tokens = self.texts = self.unknown = 0
        self.seconds = 0.0
        self.tokenizer = tokenizers.Tokenizer.from_file(str(BASE / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.lines = sentences_of(CORPUS / "validation.conll")
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _tag(self, texts, model):
        """A call of its own or, for every other number of texts, a stream's one request."""
        if len(texts) % 2:
            return self.server.tag(texts, model=model), "OK"
        from fintag.v1 import tagging_pb2 as pb
        request = pb.TagStreamRequest(model=model, inputs=[pb.TextInput(text=t) for t in texts])
        answer, = self.server.tagging.TagStream(iter([request]), timeout=60)
        code, = (code.name for code in grpc.StatusCode if code.value[0] == answer.error.code)
        return None if answer.HasField("error") else answer.response, code

    def ask(self, texts, model=None):
        """One request, counted whatever comes of it."""
        start = time.monotonic()
        try:
            answer, code = self._tag(texts, model or self.model)
        except grpc.RpcError as error:
            answer, code = None, error.code().name
        with self._lock:
            self.seconds += time.monotonic() - start
            self.codes[code] += 1
        if answer is None:
            return None
        encoded = self.tokenizer.encode_batch(texts)
        unknown = self.tokenizer.token_to_id("[UNK]")
        with self._lock:
            self.texts += len(texts)
            self.tokens += sum(len(e.ids) for e in encoded)
            self.unknown += sum(e.ids.count(unknown) for e in encoded)
            self.entities.update(entity.label for result in answer.results for entity in result.entities)
        return answer

    def _work(self, seed):
        dice = random.Random(seed)
        while not self._stop.is_set():
            self.ask(dice.choices(self.lines, k=dice.randint(1, self.most_texts)))
            self._stop.wait(self.pause * dice.random())


def sentences_of(file):
    """The sentences of a CoNLL file as running text."""
    blocks = file.read_text(encoding="utf-8").split("\n\n")
    return [" ".join(line.split()[0] for line in block.strip().splitlines()) for block in blocks
            if block.strip() and "-DOCSTART-" not in block]
