#!/usr/bin/env python3
"""Tagging beside transformers: the same labels, the same logits, whatever is packed together.

Runs tag_corpus and AutoModelForTokenClassification on the words of a CoNLL file and asserts that
  - the token ids of every sentence that fits the encoder are the fast tokenizer's;
  - every word's label is transformers' and its logits are within 1e-4, on the windows as ours cuts them;
  - every word is owned by one window and has a label;
  - every window alone, packed by length and packed at random give logits within 1e-5 of each other.
Without --model it makes one from --base: a classifier of fixed random weights over the encoder.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

TAGS = ["O"] + [f"{prefix}-{label}" for label in ("LOC", "MISC", "ORG", "PER") for prefix in "BI"]


def read_words(path):
    sentences, words = [], []
    for line in path.read_text(encoding="utf-8-sig").splitlines() + [""]:
        columns = line.split()
        if columns and columns[0] != "-DOCSTART-":
            words.append(columns[0])
        elif words:
            sentences.append(words)
            words = []
    return sentences


def make_model(base, folder):
    """A tagger whose logits are as large as trained ones, the same at every run. Its layer norms have another epsilon
    than all BERTs of the hubs, and one that can be seen."""
    model = AutoModelForTokenClassification.from_pretrained(
        base, num_labels=len(TAGS), id2label=dict(enumerate(TAGS)), label2id={t: i for i, t in enumerate(TAGS)},
        layer_norm_eps=1e-2)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter, scale in (model.classifier.weight, 0.3), (model.classifier.bias, 0.3):
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)


def tag_corpus(program, model, corpus, folder, *options):
    out = pathlib.Path(folder) / "tagged.json"
    run = subprocess.run([program, "--model", model, "--corpus", corpus, "--json", out, *options],
                         check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout), json.loads(out.read_text())


@torch.inference_mode()
def reference_logits(model, windows, batch=16):
    """Logits of each window, computed in padded batches as transformers has it."""
    order = sorted(range(len(windows)), key=lambda i: len(windows[i]))
    logits = [None] * len(windows)
    for start in range(0, len(order), batch):
        rows = order[start:start + batch]
        longest = max(len(windows[i]) for i in rows)
        ids = torch.tensor([windows[i] + [0] * (longest - len(windows[i])) for i in rows])
        mask = torch.tensor([[1] * len(windows[i]) + [0] * (longest - len(windows[i])) for i in rows])
        for i, row in zip(rows, model(input_ids=ids, attention_mask=mask).logits.numpy()):
            logits[i] = row
    return logits


def all_logits(sentences):
    return np.array([row for s in sentences for row in s["logits"] if row is not None], dtype=np.float64)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tag-corpus", required=True, help="the program of that name in the build's bin folder")
    parser.add_argument("--corpus", required=True, type=pathlib.Path)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", help="folder of a trained token classifier")
    source.add_argument("--base", help="folder of a base encoder")
    a = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        model_folder = a.model
        if not model_folder:
            model_folder = str(pathlib.Path(folder) / "model")
            make_model(a.base, model_folder)
        line, ours = tag_corpus(a.tag_corpus, model_folder, a.corpus, folder)
        _, alone = tag_corpus(a.tag_corpus, model_folder, a.corpus, folder, "--batch-tokens", "1")
        mixed = [tag_corpus(a.tag_corpus, model_folder, a.corpus, folder, "--shuffle", str(seed),
                            "--batch-tokens", str(tokens))[1] for seed, tokens in ((1, 700), (2, 5000))]
        model = AutoModelForTokenClassification.from_pretrained(model_folder).eval()
        tokenizer = AutoTokenizer.from_pretrained(model_folder)

    sentences = read_words(a.corpus)
    assert len(sentences) == len(ours), f"{len(sentences)} sentences here, {len(ours)} there"
    positions = model.config.max_position_embeddings
    windows, cut = [], 0
    for words, s in zip(sentences, ours):
        assert len(s["tags"]) == len(words)
        expected = tokenizer(words, is_split_into_words=True)
        owned = [w for window in s["windows"] for w in window["words"]]
        assert owned == sorted({w for w in expected.word_ids() if w is not None}), words
        if len(expected["input_ids"]) <= positions:
            assert [w["token_ids"] for w in s["windows"]] == [expected["input_ids"]], words
        else:
            cut += 1
            assert max(len(w["token_ids"]) for w in s["windows"]) <= positions
        windows += [w["token_ids"] for w in s["windows"]]

    reference = iter(reference_logits(model, windows))
    labels = different = 0
    worst = 0.0
    for s in ours:
        for window in s["windows"]:
            rows = next(reference)[window["word_rows"]]
            got = np.array([s["logits"][w] for w in window["words"]])
            worst = max(worst, float(np.abs(rows - got).max()))
            names = [model.config.id2label[int(i)] for i in rows.argmax(-1)]
            labels += len(names)
            different += sum(name != s["tags"][w] for name, w in zip(names, window["words"]))
    packing = max(float(np.abs(all_logits(alone) - all_logits(other)).max()) for other in (ours, *mixed))

    print(json.dumps({"words": labels, "labels_different": different, "largest_logit_difference": worst,
                      "largest_packing_difference": packing, "sentences_cut": cut, **line}))
    assert different == 0, f"{different} labels of {labels} differ"
    assert worst <= 1e-4, f"logits differ by {worst}"
    assert packing < 1e-5, f"packing changes logits by {packing}"


if __name__ == "__main__":
    main()
