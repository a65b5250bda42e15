#!/usr/bin/env python3
"""Writes a checkpoint as ONNX, as the users of the runtimes prepare it once: as it is (model.onnx), with ONNX Runtime's
fused layers (fused.onnx) and dynamically quantised (int8.onnx)."""

import argparse
import pathlib

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.optimizer import optimize_model
from transformers import AutoModelForTokenClassification


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--output", required=True, type=pathlib.Path)
    a = parser.parse_args()
    a.output.mkdir(parents=True, exist_ok=True)

    # Eager attention is what the optimizer knows to fuse.
    model = AutoModelForTokenClassification.from_pretrained(a.checkpoint, attn_implementation="eager").eval()
    ids = torch.ones(2, 3, dtype=torch.long)
    names = ["input_ids", "attention_mask"]
    plain = a.output / "model.onnx"
    torch.onnx.export(model, (ids, torch.ones_like(ids)), plain, input_names=names, output_names=["logits"],
                      opset_version=17, dynamo=False,
                      dynamic_axes={name: {0: "batch", 1: "tokens"} for name in [*names, "logits"]})
    optimize_model(str(plain), model_type="bert", num_heads=model.config.num_attention_heads,
                   hidden_size=model.config.hidden_size).save_model_to_file(str(a.output / "fused.onnx"))
    quantize_dynamic(plain, a.output / "int8.onnx", weight_type=QuantType.QInt8)


if __name__ == "__main__":
    main()
