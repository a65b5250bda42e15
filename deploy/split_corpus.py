#!/usr/bin/env python3
"""Draws random sentences of CoNLL files into a test part with about the given number of entities.

Tags may be in any scheme that core/text/CORPUS.md has; JSON lines are not read.
"""
import argparse
import random
import re
import sys


def sentences_of(path):
    """Yields each sentence as its lines; document marks are left out."""
    lines = []
    with open(path, encoding="utf-8-sig") as file:
        for line in [*file, ""]:
            if line.split():
                if not line.startswith("-DOCSTART-"):
                    lines.append(line.rstrip("\r\n"))
            elif lines:
                yield lines
                lines = []


def entities_in(lines):
    """Counts entities in any scheme: one begins at B, S or U, behind O, E, L, S or U, and where the label changes."""
    count, previous = 0, "O"
    for line in lines:
        tag = line.split()[-1]
        if tag != "O" and (tag[0] in "BSU" or previous == "O" or previous[0] in "ELSU" or previous[2:] != tag[2:]):
            count += 1
        previous = tag
    return count


def check(path, sentences):
    """Ends the program where a file is no CoNLL."""
    tag = re.compile(r"O|[BIELSU]-.+")
    for lines in sentences:
        for line in lines:
            columns = line.split()
            if len(columns) < 2 or not tag.fullmatch(columns[-1]):
                sys.exit(f"{path}: must be CoNLL, a word and its tag a line, but has the line: {line[:60]}")
    if not sentences:
        sys.exit(f"{path}: has no sentences")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--entities", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    options = parser.parse_args()

    sentences = []
    for path in options.files:
        found = list(sentences_of(path))
        check(path, found)
        sentences += found
    random.Random(options.seed).shuffle(sentences)
    found = size = 0
    while found < options.entities and size < len(sentences) - 1:
        found += entities_in(sentences[size])
        size += 1
    for path, part in ((options.test, sentences[:size]), (options.train, sentences[size:])):
        with open(path, "w", encoding="utf-8") as file:
            for lines in part:
                file.write("\n".join(lines) + "\n\n")
    print(f"random split, seed {options.seed}: {len(sentences) - size} sentences to train on, "
          f"{size} with {found} entities to score on")


if __name__ == "__main__":
    main()
