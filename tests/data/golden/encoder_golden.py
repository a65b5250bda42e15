"""Writes encoder/: a tiny random BERT token classifier and transformers' logits for sequences of many lengths.

    python encoder_golden.py        (torch 2.13, transformers 5.23)

encoder/logits.json: for each activation, batches of sequences of ids and each sequence's logits, computed by
BertForTokenClassification on the padded batch with its attention mask. The checkpoint's config.json says "gelu"; the
same weights serve for the other activations.
"""

import json
import random
import shutil
from pathlib import Path

import torch
from transformers import BertConfig, BertForTokenClassification

HERE = Path(__file__).parent / "encoder"
TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG"]


def model_of(activation):
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=60,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=72,
        max_position_embeddings=40,
        hidden_act=activation,
        id2label=dict(enumerate(TAGS)),
        label2id={tag: i for i, tag in enumerate(TAGS)},
    )
    model = BertForTokenClassification(config).eval()
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            mean = 1.0 if name.endswith("LayerNorm.weight") else 0.0
            parameter.copy_(mean + 0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def logits_of(model, sequences):
    longest = max(map(len, sequences))
    ids = torch.tensor([s + [0] * (longest - len(s)) for s in sequences])
    mask = torch.tensor([[1] * len(s) + [0] * (longest - len(s)) for s in sequences])
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=mask).logits
    return [[[round(x, 6) for x in row] for row in logits[i, : len(s)].tolist()] for i, s in enumerate(sequences)]


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    model_of("gelu").save_pretrained(HERE)
    draw = random.Random(7)
    cases = []
    for activation in ("gelu", "gelu_new", "relu"):
        model = model_of(activation)
        for lengths in ((1,), (2, 5, 40), (17, 3, 16, 33, 8)):
            sequences = [[draw.randrange(60) for _ in range(length)] for length in lengths]
            cases.append({"activation": activation, "sequences": sequences, "logits": logits_of(model, sequences)})
    (HERE / "logits.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
