#!/usr/bin/env python3
"""Compares our tokenizer with the `tokenizers` library: ids, words and offsets.

    tokenizer_parity.py --encoder build/release/bin/encode_lines --model FOLDER --corpus FIN5.txt FIN3.txt

Over every sentence of the corpora, as words and as running text; over fuzzed texts; over every code point; with the
model's own settings and, for the fuzzed texts, with every combination of the normaliser's. Prints the counts, and the
first differences where there are any; exits with 1 then.
"""

import argparse
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "data" / "golden"))
from fuzzed_text import fuzzed_text, fuzzed_words, generator  # noqa: E402

SHOWN = 5


def corpus_sentences(path):
    """Word lists of a CoNLL file."""
    sentence = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        word = line.strip().split(" ")[0].split("\t")[0]
        if word and word != "-DOCSTART-":
            sentence.append(word)
        elif sentence:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def corpus_cases(paths):
    for path in paths:
        for words in corpus_sentences(path):
            yield {"words": words}
            yield {"text": " ".join(words)}


def fuzzed_cases(count, seed):
    rng = generator(seed)
    for case in range(count):
        yield {"words": fuzzed_words(rng)} if case % 4 == 0 else {"text": fuzzed_text(rng)}


def code_point_cases():
    """Every scalar value, alone, inside a word and behind two marks."""
    scalars = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    for start in range(0, len(scalars), 64):
        block = scalars[start : start + 64]
        yield {"text": " ".join(c + " a" + c + "b e\u0301\u0334" + c for c in block)}
        yield {"words": block}


def theirs(tokenizer, case):
    words = "words" in case
    given = case["words"] if words else case["text"]
    encoding = tokenizer.encode(given, is_pretokenized=words, add_special_tokens=False)
    return {
        "ids": encoding.ids,
        "words": encoding.word_ids,
        "begin": [begin for begin, _ in encoding.offsets],
        "end": [end for _, end in encoding.offsets],
    }


def compare(encoder, model, cases):
    """(cases, tokens, differences) of one model folder."""
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    cases = list(cases)
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    run = subprocess.run([encoder, str(model)], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    answers = run.stdout.decode().splitlines()
    if len(answers) != len(cases):
        sys.exit(f"{encoder} answered {len(answers)} of {len(cases)} lines")
    tokens, different = 0, []
    for case, answer in zip(cases, answers):
        expected = theirs(tokenizer, case)
        tokens += len(expected["ids"])
        if json.loads(answer) != expected:
            different.append((case, json.loads(answer), expected))
    for case, ours, expected in different[:SHOWN]:
        print("different:", json.dumps(case), "\n  ours  ", json.dumps(ours), "\n  theirs", json.dumps(expected))
    return len(cases), tokens, len(different)


def variants(model, folder):
    """Copies of the model's tokenizer with every combination of the normaliser's settings."""
    document = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    choices = itertools.product((True, False), (True, False), (None, True, False), (True, False))
    for number, (clean, chinese, strip, lower) in enumerate(choices):
        document["normalizer"].update(
            clean_text=clean, handle_chinese_chars=chinese, strip_accents=strip, lowercase=lower
        )
        variant = folder / f"variant{number}"
        variant.mkdir()
        (variant / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
        yield f"fuzzed, clean={clean} chinese={chinese} strip={strip} lower={lower}", variant, number


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", required=True, help="the program encode_lines")
    parser.add_argument("--model", required=True, type=pathlib.Path, help="checkpoint folder with tokenizer.json")
    parser.add_argument("--corpus", nargs="*", default=[], type=pathlib.Path, help="CoNLL files")
    parser.add_argument("--fuzzed", type=int, default=20000, help="fuzzed texts")
    arguments = parser.parse_args()

    failed = 0

    def report(name, model, cases):
        nonlocal failed
        count, tokens, different = compare(arguments.encoder, model, cases)
        failed += different
        print(f"{name}: {count} inputs, {tokens} tokens, {different} different", flush=True)

    report("corpus", arguments.model, corpus_cases(arguments.corpus))
    report("fuzzed", arguments.model, fuzzed_cases(arguments.fuzzed, 1))
    report("every code point", arguments.model, code_point_cases())
    with tempfile.TemporaryDirectory() as folder:
        for name, variant, number in variants(arguments.model, pathlib.Path(folder)):
            report(name, variant, fuzzed_cases(arguments.fuzzed // 10, 100 + number))
            if number % 7 == 3:  # others than the model's own settings, too
                report("every code point, the same settings", variant, code_point_cases())
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
