"""A base encoder of a hundred kilobytes and corpora for it, so that a training takes a second."""
import json
import random

import numpy
from safetensors.numpy import save

HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 32, 2, 2, 64, 48
NAMES = {"PER": [f"person{i}" for i in range(12)], "ORG": [f"company{i}" for i in range(12)],
         "LOC": [f"city{i}" for i in range(12)]}
EITHER = [f"name{i}" for i in range(8)]  # of any label: no model can learn these, so that no score is 1
PLAIN = "the a of in at and between agreement loan lender borrower dated signed by paid to bank as for with".split()
WORDS = [*(name for names in NAMES.values() for name in names), *EITHER, *PLAIN]


def weights(seed):
    """A BertModel's tensors, drawn as transformers draws them, as the bytes of a safetensors file."""
    rng = numpy.random.default_rng(seed)
    tensors = {}

    def draw(name, *shape):
        tensors[name] = rng.normal(0, 0.05, shape).astype(numpy.float32)

    def linear(name, rows, columns):
        draw(f"{name}.weight", rows, columns)
        tensors[f"{name}.bias"] = numpy.zeros(rows, numpy.float32)

    def norm(name):
        tensors[f"{name}.weight"] = numpy.ones(HIDDEN, numpy.float32)
        tensors[f"{name}.bias"] = numpy.zeros(HIDDEN, numpy.float32)

    draw("embeddings.word_embeddings.weight", len(WORDS) + 5, HIDDEN)
    draw("embeddings.position_embeddings.weight", POSITIONS, HIDDEN)
    draw("embeddings.token_type_embeddings.weight", 2, HIDDEN)
    norm("embeddings.LayerNorm")
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            linear(f"{at}.attention.self.{part}", HIDDEN, HIDDEN)
        linear(f"{at}.attention.output.dense", HIDDEN, HIDDEN)
        norm(f"{at}.attention.output.LayerNorm")
        linear(f"{at}.intermediate.dense", INNER, HIDDEN)
        linear(f"{at}.output.dense", HIDDEN, INNER)
        norm(f"{at}.output.LayerNorm")
    return save(tensors)


def checkpoint(seed):
    """Its files: name -> bytes."""
    config = {"architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": HIDDEN,
              "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INNER,
              "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "vocab_size": len(WORDS) + 5,
              "layer_norm_eps": 1e-12, "pad_token_id": 0, "hidden_dropout_prob": 0.1,
              "attention_probs_dropout_prob": 0.1}
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    return {"config.json": json.dumps(config).encode(), "vocab.txt": ("\n".join(vocabulary) + "\n").encode(),
            "model.safetensors": weights(seed)}


def corpus(seed, count):
    """`count` sentences, each (words, tags). One in twelve is longer than the encoder has positions."""
    rng = random.Random(seed)
    sentences = []
    for _ in range(count):
        words, tags = [], []
        wanted = rng.randint(60, 80) if rng.random() < 1 / 12 else rng.randint(4, 14)
        while len(words) < wanted:
            if rng.random() < 0.3:
                label = rng.choice(list(NAMES))
                for i in range(rng.randint(1, 2)):
                    words.append(rng.choice(EITHER if rng.random() < 0.15 else NAMES[label]))
                    tags.append(("I-" if i else "B-") + label)
            words.append(rng.choice(PLAIN))
            tags.append("O")
        sentences.append((words, tags))
    sentences[0] = (["company0", "paid", "person0", "in", "city0"], ["B-ORG", "O", "B-PER", "O", "B-LOC"])
    return sentences


def conll(sentences):
    return ("\n\n".join("\n".join(f"{w}\t{t}" for w, t in zip(*s)) for s in sentences) + "\n").encode()
