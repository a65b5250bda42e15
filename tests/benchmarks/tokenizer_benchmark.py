#!/usr/bin/env python3
"""The `tokenizers` library beside tokenizer_benchmark: bytes a second on one thread, the same text.

    tokenizer_benchmark.py --model FOLDER --corpus FILE...
"""

import argparse
import os
import pathlib
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

from tokenizers import Tokenizer  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "parity"))
from tokenizer_parity import corpus_sentences  # noqa: E402

ROUNDS = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, type=pathlib.Path, help="checkpoint folder with tokenizer.json")
    parser.add_argument("--corpus", nargs="+", required=True, type=pathlib.Path, help="CoNLL files")
    arguments = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(arguments.model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    words = [sentence for path in arguments.corpus for sentence in corpus_sentences(path)]
    texts = [" ".join(sentence) for sentence in words]
    size = sum(len(text.encode()) for text in texts)
    for name, batch, split in (("EncodeWords", words, True), ("EncodeText", texts, False)):
        best = float("inf")
        for _ in range(ROUNDS):
            start = time.perf_counter()
            tokenizer.encode_batch(batch, is_pretokenized=split, add_special_tokens=False)
            best = min(best, time.perf_counter() - start)
        print(f"{name}: {size / best / 1e6:.2f} MB/s")


if __name__ == "__main__":
    main()
