#!/usr/bin/env python3
"""Fine-tunes with the transformers Trainer as its users do, batches grouped by length; prints a JSON line an epoch."""

import argparse
import json
import pathlib
import sys
import tempfile
import time

import torch
from seqeval.metrics import f1_score
from transformers import (AutoModelForTokenClassification, AutoTokenizer, DataCollatorForTokenClassification, Trainer,
                          TrainerCallback, TrainingArguments, set_seed)

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import corpus  # noqa: E402

IGNORED = -100  # the label that the loss passes over: special tokens and all but a word's first
LONGEST = 512


def encode(tokenizer, sentences, tag_ids):
    rows = []
    for words, tags in sentences:
        encoding = tokenizer(words, is_split_into_words=True, truncation=True, max_length=LONGEST)
        owners = encoding.word_ids()
        first = [word is not None and word != before for word, before in zip(owners, [None, *owners])]
        labels = [tag_ids[tags[word]] if is_first else IGNORED for word, is_first in zip(owners, first)]
        rows.append({**encoding, "labels": labels, "length": len(labels)})
    return rows


def score(tags):
    """What the Trainer calls with all predictions."""
    def f1(prediction):
        pairs = [[(tags[g], tags[b]) for g, b in zip(gold, best) if g != IGNORED]
                 for gold, best in zip(prediction.label_ids, prediction.predictions.argmax(-1))]
        return {"f1": f1_score([[g for g, _ in row] for row in pairs], [[b for _, b in row] for row in pairs])}
    return f1


class EpochLines(TrainerCallback):
    """Speed of the epoch's training, F1 of its evaluation."""

    def __init__(self, tokens):
        self.tokens = tokens

    def on_epoch_begin(self, *_, **__):
        self.start = time.perf_counter()

    def on_epoch_end(self, *_, **__):
        self.seconds = time.perf_counter() - self.start

    def on_evaluate(self, *_, metrics, **__):
        print(json.dumps({"tokens_per_second": self.tokens / self.seconds, "f1": metrics["eval_f1"]}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in "base", "train", "validation":
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--learning-rate", type=float, required=True)
    for name in "batch-size", "epochs", "seed", "threads":
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--mode", choices=["fp32", "bf16", "bf16 compiled"], default="fp32")
    parser.add_argument("--device", default="cpu")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    set_seed(a.seed)

    train, validation = corpus.sentences(a.train), corpus.sentences(a.validation)
    tags = ["O", *sorted({tag for _, row in train + validation for tag in row} - {"O"})]
    tag_ids = {tag: i for i, tag in enumerate(tags)}
    tokenizer = AutoTokenizer.from_pretrained(a.base)
    model = AutoModelForTokenClassification.from_pretrained(a.base, id2label=dict(enumerate(tags)), label2id=tag_ids)
    rows = encode(tokenizer, train, tag_ids)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, seed=a.seed, num_train_epochs=a.epochs, learning_rate=a.learning_rate, lr_scheduler_type="linear",
            per_device_train_batch_size=a.batch_size, per_device_eval_batch_size=32, bf16=a.mode != "fp32",
            torch_compile=a.mode == "bf16 compiled", use_cpu=a.device == "cpu", train_sampling_strategy="group_by_length", eval_strategy="epoch", save_strategy="no",
            logging_strategy="no", report_to=[], disable_tqdm=True)
        Trainer(model=model, args=arguments, train_dataset=rows, eval_dataset=encode(tokenizer, validation, tag_ids),
                data_collator=DataCollatorForTokenClassification(tokenizer), compute_metrics=score(tags),
                callbacks=[EpochLines(sum(row["length"] for row in rows))]).train()


if __name__ == "__main__":
    main()
