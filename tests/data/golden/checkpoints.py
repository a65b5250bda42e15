"""Writes checkpoints/: tiny BERT checkpoints in every form that Fintag reads, and the values they hold.

    python checkpoints.py        (torch 2.13, transformers 5.23, safetensors 0.6)

All forms hold the same weights. checkpoints/expected.json gives for each form the tags, the names of tensors that a
reader leaves out, and of every tensor that it keeps, by its name in BertForTokenClassification, shape, sum, first and
last value.
"""

import json
import shutil
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForPreTraining, BertForTokenClassification, BertTokenizerFast

HERE = Path(__file__).parent / "checkpoints"
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-MISC", "I-MISC", "B-LAW", "I-LAW"]
WORDS = """[PAD] [UNK] [CLS] [SEP] [MASK] the bank of new york agree ##ment ##s loan lend ##er borrow ##ing credit
company dated as between and corp . , ( ) a b c d e f g h i k l m""".split()


def tiny_config(**changes):
    return BertConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=24,
        **changes,
    )


def labelled(config):
    config.id2label = dict(enumerate(TAGS))
    config.label2id = {tag: i for i, tag in enumerate(TAGS)}
    return config


def draw(model):
    """Every parameter from the same generator: biases and norms too, so that a mix-up shows."""
    generator = torch.Generator().manual_seed(20)
    with torch.no_grad():
        for _, parameter in sorted(model.named_parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return model


def write_config(folder, config, architecture, **changes):
    fields = config.to_dict() | {"architectures": [architecture]} | changes
    fields.pop("transformers_version", None)
    if not architecture.endswith("ForTokenClassification"):
        fields.pop("id2label", None)
        fields.pop("label2id", None)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(fields, indent=1) + "\n")


def expectation(state, tags, ignored=()):
    def facts(tensor):
        flat = tensor.float().double().flatten()
        return {
            "shape": list(tensor.shape),
            "sum": flat.sum().item(),
            "first": flat[0].item(),
            "last": flat[-1].item(),
        }

    return {
        "tags": tags,
        "ignored": sorted(ignored),
        "tensors": {name: facts(tensor) for name, tensor in sorted(state.items())},
    }


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    expected = {}
    config = labelled(tiny_config())
    tagger = draw(BertForTokenClassification(config))
    state = OrderedDict((name, tensor.detach().clone()) for name, tensor in tagger.state_dict().items())
    encoder = {name: tensor for name, tensor in state.items() if not name.startswith("classifier.")}

    # As transformers writes it, with its tokenizer.
    folder = HERE / "safetensors"
    tagger.save_pretrained(folder)
    (HERE / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    BertTokenizerFast(vocab=str(HERE / "vocab.txt"), do_lower_case=True).save_pretrained(folder)
    (HERE / "vocab.txt").rename(folder / "vocab.txt")
    expected["safetensors"] = expectation(state, TAGS)

    folder = HERE / "sharded"
    tagger.save_pretrained(folder, max_shard_size="4KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    expected["sharded"] = expectation(state, TAGS)

    for form, dtype in (("float16", torch.float16), ("bfloat16", torch.bfloat16)):
        halves = {name: tensor.to(dtype) for name, tensor in state.items()}
        write_config(HERE / form, config, "BertForTokenClassification")
        save_file(halves, HERE / form / "model.safetensors", {"format": "pt"})
        expected[form] = expectation(halves, TAGS)

    # A state_dict with what may occur in one: a parameter, a transposed view, two views of one storage, integers.
    mixed = OrderedDict(state)
    mixed._metadata = OrderedDict({"": {"version": 1}})
    query = "bert.encoder.layer.0.attention.self.query"
    mixed[query + ".bias"] = torch.nn.Parameter(state[query + ".bias"])
    mixed[query + ".weight"] = state[query + ".weight"].t().contiguous().t()
    norm = "bert.embeddings.LayerNorm"
    both = torch.cat([state[norm + ".weight"], state[norm + ".bias"]])
    mixed[norm + ".weight"], mixed[norm + ".bias"] = both[:8], both[8:]
    mixed["bert.embeddings.position_ids"] = torch.arange(24).unsqueeze(0)
    ignored = ["bert.embeddings.position_ids"]
    for form, options in (
        ("torch_zip", {}),
        ("torch_zip_protocol5", {"pickle_protocol": 5}),
        ("torch_legacy", {"_use_new_zipfile_serialization": False}),
    ):
        write_config(HERE / form, config, "BertForTokenClassification")
        torch.save(mixed, HERE / form / "pytorch_model.bin", **options)
        expected[form] = expectation(state, TAGS, ignored)
    write_config(HERE / "torch_float16", config, "BertForTokenClassification")
    halves = OrderedDict((name, tensor.half()) for name, tensor in state.items())
    torch.save(halves, HERE / "torch_float16" / "pytorch_model.bin")
    expected["torch_float16"] = expectation(halves, TAGS)

    # A base encoder under bare names, with a pooler.
    bare = {name.removeprefix("bert."): tensor for name, tensor in encoder.items()}
    bare |= {"pooler.dense.weight": torch.ones(8, 8), "pooler.dense.bias": torch.ones(8)}
    write_config(HERE / "bare", tiny_config(), "BertModel", position_embedding_type="absolute")
    save_file(bare, HERE / "bare" / "model.safetensors", {"format": "pt"})
    expected["bare"] = expectation(encoder, [], ["pooler.dense.bias", "pooler.dense.weight"])

    # A pre-training checkpoint with LayerNorm's old names, both heads, and the decoder tied to the embeddings.
    heads = draw(BertForPreTraining(tiny_config())).state_dict()
    old = OrderedDict((name, tensor) for name, tensor in encoder.items())
    old |= {name: tensor for name, tensor in heads.items() if name not in encoder}
    old["cls.predictions.decoder.weight"] = old["bert.embeddings.word_embeddings.weight"]
    ignored = [name for name in old if name not in encoder]

    def old_name(name):
        return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")

    old = OrderedDict((old_name(name), tensor) for name, tensor in old.items())
    write_config(HERE / "gamma_beta", tiny_config(), "BertForPreTraining")
    torch.save(old, HERE / "gamma_beta" / "pytorch_model.bin")
    expected["gamma_beta"] = expectation(encoder, [], [old_name(name) for name in ignored])

    (HERE / "expected.json").write_text(json.dumps(expected, indent=None, separators=(",", ":")) + "\n")
    size = sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file())
    print(f"{len(expected)} checkpoints, {size / 1000:.0f} kB")
    assert size < 300_000


if __name__ == "__main__":
    main()
