#!/usr/bin/env python3
"""Draws random sentences of CoNLL files into a test part with about the given number of entities."""
import argparse
import random


def sentences_of(path):
    """Yields each sentence as its lines; document marks are left out."""
    lines = []
    with open(path, encoding="utf-8") as file:
        for line in [*file, ""]:
            if line.split():
                if not line.startswith("-DOCSTART-"):
                    lines.append(line.rstrip("\r\n"))
            elif lines:
                yield lines
                lines = []


def entities_in(lines):
    """Counts entities in IO, IOB1 or IOB2 tags."""
    count, previous = 0, "O"
    for line in lines:
        tag = line.split()[-1]
        if tag != "O" and (tag[0] == "B" or previous == "O" or previous[2:] != tag[2:]):
            count += 1
        previous = tag
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--entities", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    options = parser.parse_args()

    sentences = [lines for path in options.files for lines in sentences_of(path)]
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
