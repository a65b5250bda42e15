#!/usr/bin/env python3
"""A tagger that fintag-train made, from a base whose only tokenizer file is vocab.txt: to transformers what it is to us.

tagging_parity.py compares labels and logits on the words of both files. Asserts besides that bf16 gives at least 99.9 %
of the labels that fp32 gives and an F1 within 0.3 points, int8 an F1 within 0.5 points, on the validation file.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile


def tag(program, model, corpus, folder, precision):
    out = pathlib.Path(folder) / f"{precision}.json"
    run = subprocess.run([program, "--model", model, "--corpus", corpus, "--precision", precision, "--json", out],
                         check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout)["f1"], [tag for sentence in json.loads(out.read_text()) for tag in sentence["tags"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainer", required=True, help="the program fintag-train")
    parser.add_argument("--tag-corpus", required=True, help="the program of that name in the build's bin folder")
    parser.add_argument("--base", required=True, help="folder of a base encoder")
    parser.add_argument("--train", required=True)
    parser.add_argument("--validation", required=True)
    parser.add_argument("--epochs", default="1")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base, model = pathlib.Path(folder) / "base", pathlib.Path(folder) / "model"
        base.mkdir()
        for file in "config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt":
            shutil.copy(pathlib.Path(a.base) / file, base)
        subprocess.run([a.trainer, "--base", base, "--train", a.train, "--validation", a.validation, "--output", model,
                        "--learning-rate", "1e-4", "--epochs", a.epochs, "--device", "cpu"],
                       check=True, stdout=subprocess.DEVNULL)
        for corpus in a.validation, a.train:
            subprocess.run([sys.executable, pathlib.Path(__file__).with_name("tagging_parity.py"), "--tag-corpus",
                            a.tag_corpus, "--model", model, "--corpus", corpus], check=True)
        exact_f1, exact = tag(a.tag_corpus, model, a.validation, folder, "fp32")
        for precision, points, fewest in ("bf16", 0.3, 0.999), ("int8", 0.5, 0.99):
            f1, tags = tag(a.tag_corpus, model, a.validation, folder, precision)
            same = sum(x == y for x, y in zip(exact, tags, strict=True)) / len(exact)
            print(f"{precision}: F1 {f1:.4f}, fp32 {exact_f1:.4f}; {same:.4%} of {len(exact)} labels equal")
            assert abs(f1 - exact_f1) * 100 <= points, precision
            assert same >= fewest, precision


if __name__ == "__main__":
    main()
