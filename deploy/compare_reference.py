#!/usr/bin/env python3
"""Prints the published scores of the reference run beside those of a job (fintag --json jobs show, models show)."""
import json
import sys

PUBLISHED = {"precision": 0.9363, "recall": 0.7610, "f1": 0.8396, "accuracy": 0.9743}

NOTES = {
    "documents": """\
The published run does not say how it split FIN. Its recall is a multiple of 1/251, so it scored 251 entities; FIN3 has
318, so the figures above are on another, harder test part (whole unseen documents) and are comparable with other runs
on FIN5 to FIN3 alone. --split random draws a test part of about 251 entities from the same documents as the training
part, which is nearer to what the published figures may be.""",
    "random": """\
The published run does not say how it split FIN. Its recall is a multiple of 1/251; this test part has about as many
entities, drawn at random from all documents, so names recur between the parts. Which sentences the published run drew is
unknown: expect agreement within a few points, not digits. The word lookup shows how much recurring names alone give.""",
}


def row(name, precision, recall, f1, accuracy):
    print(f"{name:<34}{precision:>10.4f}{recall:>10.4f}{f1:>10.4f}{accuracy:>10.4f}")


def main():
    job, model = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:3])
    epochs = job["epochs"]
    best = max(epochs, key=lambda epoch: epoch["scores"]["micro"]["f1"])

    def scores(epoch):
        micro = epoch["scores"]["micro"]
        return micro["precision"], micro["recall"], micro["f1"], epoch["scores"]["accuracy"]

    print(f"\n{'':<34}{'precision':>10}{'recall':>10}{'F1':>10}{'accuracy':>10}")
    row("published", *PUBLISHED.values())
    row(f"obtained, last epoch ({epochs[-1]['epoch']})", *scores(epochs[-1]))
    row(f"obtained, best epoch ({best['epoch']})", *scores(best))
    lookup = model["versions"][0]["word_lookup"]
    micro = lookup["micro"]
    row("word lookup, no model", micro["precision"], micro["recall"], micro["f1"], lookup["accuracy"])
    print("\n" + NOTES[sys.argv[3]])


if __name__ == "__main__":
    main()
