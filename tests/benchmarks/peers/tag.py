#!/usr/bin/env python3
"""Tags a corpus offline with one runtime; prints a JSON line a batching: useful tokens a second, and F1.

A batching is how many sentences go into a batch, in the corpus' order ("8") or sorted by length ("8-by-length")."""

import argparse
import json
import pathlib
import sys
import time

from seqeval.metrics import f1_score
from transformers import AutoConfig, AutoTokenizer

from runtimes import RUNTIMES, pad

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import corpus  # noqa: E402


def batches(rows, batching):
    size, _, by_length = batching.partition("-")
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i])) if by_length else range(len(rows))
    return [order[start:start + int(size)] for start in range(0, len(rows), int(size))]


def best_tags(run, rows, batching):
    """The index of the best tag of each token of each sentence."""
    best = [None] * len(rows)
    for batch in batches(rows, batching):
        for i, tags in zip(batch, run(*pad([rows[i] for i in batch])).argmax(-1)):
            best[i] = tags
    return best


def f1_of(best, encodings, sentences, names):
    """Each word has the tag of its first token; words cut off have none and do not count, as their users have it."""
    gold, predicted = [], []
    for tags, encoding, (_, golden) in zip(best, encodings, sentences):
        first = {}
        for token, word in enumerate(encoding.word_ids()):
            if word is not None:
                first.setdefault(word, token)
        gold.append([golden[word] for word in first])
        predicted.append([names[int(tags[token])] for token in first.values()])
    return f1_score(gold, predicted)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", choices=RUNTIMES, required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--onnx", type=pathlib.Path, help="folder of export_onnx.py")
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--passes", type=int, default=1, help="the fastest counts")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--device", default="cpu", help="of transformers alone")
    parser.add_argument("--batching", nargs="+", required=True)
    a = parser.parse_args()

    tokenizer = AutoTokenizer.from_pretrained(a.checkpoint)
    sentences = corpus.sentences(a.corpus)
    encodings = [tokenizer(words, is_split_into_words=True, truncation=True, max_length=512) for words, _ in sentences]
    rows = [encoding["input_ids"] for encoding in encodings]
    run = RUNTIMES[a.runtime](a)
    names = AutoConfig.from_pretrained(a.checkpoint).id2label
    for batching in a.batching:
        seconds = float("inf")
        for _ in range(a.passes):
            start = time.perf_counter()
            best = best_tags(run, rows, batching)
            seconds = min(seconds, time.perf_counter() - start)
        print(json.dumps({"batching": batching, "tokens_per_s": sum(map(len, rows)) / seconds,
                          "f1": f1_of(best, encodings, sentences, names)}), flush=True)


if __name__ == "__main__":
    main()
