#!/usr/bin/env python3
"""What a pass of an encoder over corpora costs: prints tokens, sentences and floating point operations, one JSON line a
corpus. Linear layers by token, attention's two products by the square of a sentence's length."""

import argparse
import json
import pathlib
import sys

from transformers import AutoConfig, AutoTokenizer

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import corpus  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("corpora", nargs="+")
    a = parser.parse_args()
    config = AutoConfig.from_pretrained(a.model)
    tokenizer = AutoTokenizer.from_pretrained(a.model)
    hidden, layers = config.hidden_size, config.num_hidden_layers
    linear = 2 * layers * (4 * hidden * hidden + 2 * hidden * config.intermediate_size)
    for path in a.corpora:
        lengths = [min(512, len(tokenizer(words, is_split_into_words=True)["input_ids"]))
                   for words, _ in corpus.sentences(path)]
        operations = linear * sum(lengths) + 4 * layers * hidden * sum(length**2 for length in lengths)
        print(json.dumps({"tokens": sum(lengths), "sentences": len(lengths), "operations": operations}), flush=True)


if __name__ == "__main__":
    main()
