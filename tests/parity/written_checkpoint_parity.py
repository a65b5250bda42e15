#!/usr/bin/env python3
"""A tagger of transformers, read and written again by copy_checkpoint, is the same tagger to transformers.

Checks every parameter bit for bit, the labels in their order and the tokenizer's ids on a corpus, and runs
checkpoint_parity.py on the copy.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

sys.dont_write_bytecode = True  # the source tree stays clean
from tagging_parity import make_model, read_words


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copy-checkpoint", required=True, help="the program of that name in the build's bin folder")
    parser.add_argument("--base", required=True, help="folder of a base encoder")
    parser.add_argument("--corpus", required=True, type=pathlib.Path)
    a = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        given, copy = pathlib.Path(folder) / "given", pathlib.Path(folder) / "copy"
        make_model(a.base, given)
        subprocess.run([a.copy_checkpoint, given, copy], check=True)
        models = [AutoModelForTokenClassification.from_pretrained(path) for path in (given, copy)]
        tokenizers = [AutoTokenizer.from_pretrained(path) for path in (given, copy)]
        check = pathlib.Path(__file__).with_name("checkpoint_parity.py")
        subprocess.run([sys.executable, check, "--checkpoint", copy], check=True)

    first, second = (model.state_dict() for model in models)
    assert first.keys() == second.keys(), first.keys() ^ second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), f"{name} changed"
    assert models[0].config.id2label == models[1].config.id2label
    sentences = read_words(a.corpus)
    for words in sentences:
        ids = [tokenizer(words, is_split_into_words=True)["input_ids"] for tokenizer in tokenizers]
        assert ids[0] == ids[1], words
    print(f"{len(first)} tensors, {len(models[0].config.id2label)} labels, {len(sentences)} sentences: all equal")


if __name__ == "__main__":
    main()
