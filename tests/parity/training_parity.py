#!/usr/bin/env python3
"""The trainer beside the transformers Trainer: the same losses, step by step, from the same start.

Saves one token-classification checkpoint (so that both start from the same classifier), trains 50 steps of it with
both, without dropout, in the corpus' own order, and compares the losses. Then trains twice with one seed, with dropout
and shuffling, and asks for the same bytes. Ends with status 1 where either fails.

Needs torch, transformers and accelerate.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import torch
from transformers import (AutoModelForTokenClassification, AutoTokenizer, DataCollatorForTokenClassification, PrinterCallback, Trainer,
                          TrainingArguments, set_seed)

# Share of the steps, and what differs from the defaults.
SETTINGS = {
    "plain": (1.0, dict()),
    "warm-up, decay": (0.4, dict(warmup=0.1, decay=0.01)),
    "accumulation": (0.2, dict(accumulation=2)),
}


def read_conll(path):
    """Sentences as lists of (word, tag), tags of any of IO, IOB1, IOB2 turned into IOB2."""
    sentences, words, tags = [], [], []

    def end():
        if words:
            iob2 = []
            for before, tag in zip(["O"] + tags, tags):
                starts = tag.startswith("B-") or (tag.startswith("I-") and before[2:] != tag[2:])
                iob2.append("B-" + tag[2:] if starts and tag != "O" else tag)
            sentences.append((words[:], iob2))
        words.clear()
        tags.clear()

    for line in open(path, encoding="utf-8"):
        columns = line.split()
        if not columns:
            end()
        elif columns[0] != "-DOCSTART-":
            words.append(columns[0])
            tags.append(columns[-1])
    end()
    return sentences


def write_conll(path, sentences):
    with open(path, "w", encoding="utf-8") as file:
        for words, tags in sentences:
            file.write("".join(f"{w} {t}\n" for w, t in zip(words, tags)) + "\n")


def encode(tokenizer, sentences, index):
    rows = []
    for words, tags in sentences:
        encoding = tokenizer(words, is_split_into_words=True)
        labels, before = [], None
        for word in encoding.word_ids():
            labels.append(-100 if word is None or word == before else index[tags[word]])
            before = word
        rows.append({"input_ids": encoding["input_ids"], "attention_mask": encoding["attention_mask"],
                     "labels": labels})
    return rows


class WordMeanTrainer(Trainer):
    """Takes the loss as the mean over the words of the whole optimiser step, whatever the accumulation: what
    num_items_in_batch stands for. (BertForTokenClassification's own loss ignores it, transformers 5.23.)"""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.model_accepts_loss_kwargs = True
        self.losses = []

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs.pop("labels")
        logits = model(**inputs).logits
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1),
                                                 reduction="sum") / num_items_in_batch
        self.losses.append(loss.item())
        return (loss, logits) if return_outputs else loss


def reference_losses(start, rows, tokenizer, batch, rate, threads, warmup=0.0, decay=0.0, accumulation=1):
    torch.set_num_threads(threads)
    set_seed(1)
    model = AutoModelForTokenClassification.from_pretrained(start)
    with tempfile.TemporaryDirectory() as output:
        arguments = TrainingArguments(
            output_dir=output, num_train_epochs=1, learning_rate=rate, per_device_train_batch_size=batch,
            gradient_accumulation_steps=accumulation, weight_decay=decay, lr_scheduler_type="linear",
            warmup_steps=warmup, max_grad_norm=1.0, logging_strategy="no", save_strategy="no", eval_strategy="no",
            report_to=[], disable_tqdm=True, use_cpu=True, train_sampling_strategy="sequential",
            optim="adamw_torch")
        trainer = WordMeanTrainer(model=model, args=arguments, train_dataset=rows,
                                  data_collator=DataCollatorForTokenClassification(tokenizer))
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    losses = trainer.losses
    return [sum(losses[i:i + accumulation]) for i in range(0, len(losses), accumulation)]


def run_trainer(program, base, train, validation, output, options):
    command = [program, "--base", str(base), "--train", str(train), "--validation", str(validation), "--output",
               str(output), "--log-steps", "--device", "cpu"] + options
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {result.returncode}: {result.stderr}")
    return [float(x) for x in re.findall(r"^step \d+ loss (\S+)", result.stdout, re.MULTILINE)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trainer", required=True, help="the program fintag-train")
    parser.add_argument("--model", required=True, help="folder of a base encoder")
    parser.add_argument("--corpus", required=True, help="CoNLL file")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--tolerance", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    a = parser.parse_args()

    tokenizer = AutoTokenizer.from_pretrained(a.model)
    # The Trainer would cut a longer sentence, where ours trains it in windows.
    sentences = [s for s in read_conll(a.corpus) if len(tokenizer(s[0], is_split_into_words=True)["input_ids"]) <= 512]
    labels = sorted({t[2:] for _, tags in sentences for t in tags} - {""})
    tags = ["O"] + [f"{prefix}-{label}" for label in labels for prefix in "BI"]
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        start = folder / "start"
        set_seed(7)
        model = AutoModelForTokenClassification.from_pretrained(
            a.model, num_labels=len(tags), id2label=dict(enumerate(tags)), label2id={t: i for i, t in enumerate(tags)},
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        model.save_pretrained(start)
        tokenizer.save_pretrained(start)

        for name, (share, setting) in SETTINGS.items():
            accumulation = setting.get("accumulation", 1)
            steps = max(1, int(a.steps * share))
            count = steps * a.batch * accumulation
            part = (sentences * (count // len(sentences) + 1))[:count]
            # Every label must be there, for the classifier to be the checkpoint's own.
            missing = set(labels) - {t[2:] for _, ts in part for t in ts}
            if missing:
                part[-1] = next(s for s in sentences if {t[2:] for t in s[1]} >= missing)
            train, validation = folder / "train.txt", folder / "validation.txt"
            write_conll(train, part)
            write_conll(validation, part[:8])
            ours = run_trainer(a.trainer, start, train, validation, folder / "out",
                               ["--epochs", "1", "--no-shuffle", "--dropout", "0", "--batch-size", str(a.batch),
                                "--learning-rate", str(a.learning_rate), "--gradient-accumulation", str(accumulation),
                                "--warmup-ratio", str(setting.get("warmup", 0)), "--weight-decay",
                                str(setting.get("decay", 0)), "--threads", str(a.threads)])
            theirs = reference_losses(start, encode(tokenizer, part, {t: i for i, t in enumerate(tags)}), tokenizer,
                                      a.batch, a.learning_rate, a.threads, **setting)
            if len(ours) != steps or len(theirs) != steps:
                sys.exit(f"{name}: {len(ours)} and {len(theirs)} losses in place of {steps}")
            worst = max(abs(x - y) for x, y in zip(ours, theirs))
            failed |= not worst < a.tolerance
            print(json.dumps({"setting": name, "steps": steps, "first": [ours[0], theirs[0]],
                              "last": [ours[-1], theirs[-1]], "largest_difference": worst,
                              "ok": worst < a.tolerance}), flush=True)

        hashes = []
        write_conll(folder / "train.txt", sentences[:a.batch * 20])
        write_conll(folder / "validation.txt", sentences[:8])
        for run in range(2):
            run_trainer(a.trainer, a.model, folder / "train.txt", folder / "validation.txt", folder / f"run{run}",
                        ["--epochs", "2", "--seed", "5", "--keep", "last", "--threads", str(a.threads)])
            hashes.append(hashlib.sha256((folder / f"run{run}" / "model.safetensors").read_bytes()).hexdigest())
        failed |= hashes[0] != hashes[1]
        print(json.dumps({"same_seed_same_bytes": hashes[0] == hashes[1]}), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
