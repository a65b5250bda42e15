"""Loads a checkpoint that Fintag wrote with the real libraries and checks that nothing was lost on the way.

    python checkpoint_parity.py --checkpoint FOLDER        (transformers 5.23, safetensors)

AutoModelForTokenClassification must find every tensor and no other, with the labels of config.json in their order;
AutoTokenizer must load the tokenizer and give ids inside the embedding table; the model must run.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer

SENTENCES = [
    "The Borrower, Acme Holdings Inc. of New York, agrees to repay the loan to First National Bank.",
    "John Smith signed on 3 March 1999.",
    "Société Générale — 銀行 ​ unaffable!",
    "",
]


def check(condition, message):
    if not condition:
        sys.exit(f"checkpoint_parity: {message}")


def check_labels(folder, config):
    written = json.loads((folder / "config.json").read_text())
    check(written["model_type"] == "bert", f"model_type is {written['model_type']}")
    check(written["architectures"] == ["BertForTokenClassification"], f"architectures {written['architectures']}")
    labels = list(written["id2label"].values())
    check(list(written["id2label"]) == [str(i) for i in range(len(labels))], "id2label is not in the order of its ids")
    check([config.id2label[i] for i in range(config.num_labels)] == labels, "labels differ in transformers")
    check(config.label2id == {label: i for i, label in enumerate(labels)}, "label2id is not the inverse of id2label")
    return labels


def check_weights(folder, model, loading):
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        check(not loading.get(kind), f"{kind}: {sorted(loading.get(kind))}")
    check(not loading.get("error_msgs"), f"errors: {loading.get('error_msgs')}")
    stored = load_file(folder / "model.safetensors")
    state = {name: tensor for name, tensor in model.state_dict().items()}
    check(set(stored) == set(state), f"tensors differ: {sorted(set(stored) ^ set(state))}")
    for name, tensor in stored.items():
        check(tensor.dtype == torch.float32, f"{name} is {tensor.dtype}")
        check(torch.equal(tensor, state[name].float()), f"{name} has other values in transformers")
    return sum(tensor.numel() for tensor in stored.values())


def check_tokenizer(folder, model):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    check(len(tokenizer) <= model.config.vocab_size, f"{len(tokenizer)} tokens, {model.config.vocab_size} embeddings")
    check(tokenizer.pad_token_id == model.config.pad_token_id, "the padding token is another than config.json's")
    vocabulary = folder / "vocab.txt"
    if vocabulary.exists():
        for i, token in enumerate(vocabulary.read_bytes().decode().rstrip("\n").split("\n")):
            check(tokenizer.convert_ids_to_tokens(i) == token, f"token {i} is not {token!r}")
    limit = min(model.config.max_position_embeddings, 512)
    batch = tokenizer(SENTENCES, return_tensors="pt", padding=True, truncation=True, max_length=limit)
    for row in batch["input_ids"]:
        check(row[0] == tokenizer.cls_token_id, "a sentence does not begin with [CLS]")
        check((row == tokenizer.sep_token_id).sum() == 1, "a sentence does not end with one [SEP]")
    return batch


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", type=Path, required=True)
    folder = parser.parse_args().checkpoint

    labels = check_labels(folder, AutoConfig.from_pretrained(folder))
    model, loading = AutoModelForTokenClassification.from_pretrained(folder, output_loading_info=True)
    parameters = check_weights(folder, model.eval(), loading)
    batch = check_tokenizer(folder, model)
    with torch.no_grad():
        logits = model(**batch).logits
    check(logits.shape == (*batch["input_ids"].shape, len(labels)), f"logits have shape {tuple(logits.shape)}")
    check(torch.isfinite(logits).all(), "logits are not finite")
    summary = {
        "checkpoint": str(folder),
        "parameters": parameters,
        "labels": labels,
        "vocabulary": model.config.vocab_size,
        "sentences": len(SENTENCES),
        "result": "equal",
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
