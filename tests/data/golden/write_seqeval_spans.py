#!/usr/bin/env python3
"""Writes seqeval_spans.json: random tag sequences, legal and not, and the entities that seqeval finds in them.

Golden file of tests/core/tagging/decoding_test.cc. Needs: seqeval==1.2.2.
"""
import json
import pathlib
import random
import warnings

from seqeval.metrics.sequence_labeling import get_entities

SCHEMES = {
    "IOB2": ["O"] + [f"{p}-{label}" for label in ("PER", "ORG", "LOC") for p in "BI"],
    "IO": ["O", "I-PER", "I-ORG"],
    "IOBES": ["O"] + [f"{p}-{label}" for label in ("PER", "ORG") for p in "BIES"],
    "dashes": ["O", "B-LEGAL-ENTITY", "I-LEGAL-ENTITY", "B-LEGAL", "I-LEGAL"],
    "bare": ["O", "B", "I", "E", "S"],
}


def main():
    warnings.simplefilter("ignore")
    rng = random.Random(20)
    cases = []
    for tags in SCHEMES.values():
        for _ in range(100):
            weights = [rng.choice([1, 1, 3, 8]) for _ in tags]
            sequence = rng.choices(range(len(tags)), weights, k=rng.randint(1, 14))
            entities = [[begin, end + 1, label] for label, begin, end in get_entities([tags[i] for i in sequence])]
            cases.append({"sequence": sequence, "entities": entities})
    sets = [{"tags": tags, "cases": cases[i * 100:(i + 1) * 100]} for i, tags in enumerate(SCHEMES.values())]
    lines = []
    for each in sets:
        body = ",\n".join("  " + json.dumps(case, separators=(",", ":")) for case in each["cases"])
        lines.append('{"tags": %s, "cases": [\n%s\n]}' % (json.dumps(each["tags"]), body))
    path = pathlib.Path(__file__).with_name("seqeval_spans.json")
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
