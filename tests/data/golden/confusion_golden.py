"""Writes confusion.jsonl: what scikit-learn's confusion_matrix makes of every fifth tagging of seqeval.jsonl.

    pip install scikit-learn==1.9.1
    python tests/data/golden/confusion_golden.py

A line is {"case": its line in seqeval.jsonl from 0, "labels": [...], "matrix": rows of gold labels}. A tag's label is what
stands behind one of the prefixes B, I, E, S, L, U and a hyphen; O is "O"; any other tag is a label itself.
"""

import json
import pathlib
import re

from sklearn.metrics import confusion_matrix

FOLDER = pathlib.Path(__file__).parent


def labels_of(sentences):
    tags = [tag for sentence in sentences for tag in sentence.split(" ")]
    return [re.sub(r"^[BIESLU]-(?=.)", "", tag) for tag in tags]


def main():
    with (FOLDER / "seqeval.jsonl").open(encoding="utf-8") as taggings, \
            (FOLDER / "confusion.jsonl").open("w", encoding="utf-8") as file:
        for number, line in enumerate(taggings):
            if number % 5 != 0:
                continue
            tagging = json.loads(line)
            gold, predicted = labels_of(tagging["gold"]), labels_of(tagging["predicted"])
            labels = sorted(set(gold) | set(predicted))
            matrix = confusion_matrix(gold, predicted, labels=labels).tolist()
            file.write(json.dumps({"case": number, "labels": labels, "matrix": matrix}, ensure_ascii=False,
                                  separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
