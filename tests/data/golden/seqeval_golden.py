"""Writes seqeval.jsonl: random taggings and what seqeval 1.2.2 scores them with, in its default mode.

    pip install seqeval==1.2.2
    python tests/data/golden/seqeval_golden.py

A line is {"gold": [...], "predicted": [...], "accuracy": a, "micro": [p, r, f1, support], "macro": [...],
"labels": {label: [...]}}; a tagging is one string a sentence, its tags separated by spaces. Seeded: it writes the same
bytes every time.
"""

import json
import math
import pathlib
import random
import warnings

from seqeval.metrics import accuracy_score, classification_report

CASES = 2000
ALPHABETS = {
    "IO": ["I"],
    "IOB": ["B", "I"],
    "IOE": ["I", "E"],
    "IOBES": ["B", "I", "E", "S"],
    "BILOU": ["B", "I", "L", "U"],
    "mixed": ["B", "I", "E", "S", "L", "U", "M"],
}
# No scheme has these; seqeval takes them apart all the same.
ODD_TAGS = ["B", "I", "E", "S", "B-", "I-", ".", "O-PER", "PER", "BPER", "B--PER", "B-PER-X", "I-PER-X", "L-", ".-PER",
            "É-PER", "x", "b-PER"]
LABELS = ["PER", "LOC", "ORG", "MISC", "CREDIT-LINE", "Ähre"]


def legal_sentence(rng, scheme, labels, length):
    """A sentence of whole entities in the manner of `scheme`."""
    tags = []
    while len(tags) < length:
        if rng.random() < 0.4:
            tags.append("O")
            continue
        label = rng.choice(labels)
        size = rng.randint(1, 4)
        shape = {
            "IO": "I" * size,
            "IOB": "B" + "I" * (size - 1),
            "IOE": "I" * (size - 1) + "E",
            "IOBES": "S" if size == 1 else "B" + "I" * (size - 2) + "E",
            "BILOU": "U" if size == 1 else "B" + "I" * (size - 2) + "L",
        }[scheme]
        tags += [f"{prefix}-{label}" for prefix in shape]
    return tags[:length]


def random_sentence(rng, prefixes, labels, length, odd):
    tags = []
    for _ in range(length):
        if odd and rng.random() < 0.3:
            tags.append(rng.choice(ODD_TAGS))
        elif rng.random() < 0.35:
            tags.append("O")
        else:
            tags.append(f"{rng.choice(prefixes)}-{rng.choice(labels)}")
    return tags


def predicted_sentence(rng, gold, prefixes, labels, odd):
    """`gold` with some tags changed, so that part of the entities is right."""
    noise = random_sentence(rng, prefixes, labels, len(gold), odd)
    share = rng.choice([0.0, 0.1, 0.3, 1.0])
    return [n if rng.random() < share else g for g, n in zip(gold, noise)]


def number(value):
    value = float(value)
    return 0 if math.isnan(value) else float(f"{value:.12g}")


def row(scores):
    return [number(scores["precision"]), number(scores["recall"]), number(scores["f1-score"]), int(scores["support"])]


def case(rng, index):
    scheme = list(ALPHABETS)[index % len(ALPHABETS)]
    prefixes = ALPHABETS[scheme]
    labels = rng.sample(LABELS, rng.randint(1, 3))
    odd = scheme == "mixed" and rng.random() < 0.5
    legal = scheme != "mixed" and rng.random() < 0.5
    gold, predicted = [], []
    for _ in range(rng.randint(1, 3)):
        length = rng.randint(1, 8)
        if legal:
            gold.append(legal_sentence(rng, scheme, labels, length))
        else:
            gold.append(random_sentence(rng, prefixes, labels, length, odd))
        predicted.append(predicted_sentence(rng, gold[-1], prefixes, labels, odd))
    report = classification_report(gold, predicted, output_dict=True, zero_division=0)
    micro, macro = report.pop("micro avg"), report.pop("macro avg")
    report.pop("weighted avg")
    return {
        "gold": [" ".join(tags) for tags in gold],
        "predicted": [" ".join(tags) for tags in predicted],
        "accuracy": number(accuracy_score(gold, predicted)),
        "micro": row(micro),
        "macro": row(macro),
        "labels": {label: row(scores) for label, scores in report.items()},
    }


def main():
    warnings.simplefilter("ignore")
    rng = random.Random(20151208)
    path = pathlib.Path(__file__).with_name("seqeval.jsonl")
    with path.open("w", encoding="utf-8") as file:
        for index in range(CASES):
            file.write(json.dumps(case(rng, index), ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
