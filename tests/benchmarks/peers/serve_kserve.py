#!/usr/bin/env python3
"""KServe's model server with ONNX Runtime behind it: model "ner", input TEXT (BYTES, [n]), output ENTITIES (BYTES,
[n]), one JSON list of entities a text. KServe's own options (--grpc_port, --http_port) are taken too."""

import argparse
import json
import pathlib

import numpy as np
from kserve import InferOutput, InferResponse, Model, ModelServer, model_server
from transformers import AutoConfig, AutoTokenizer

from runtimes import onnxruntime, pad


def entities(words, offsets, scores, names):
    """Spans of words, each tagged by its first token, that are adjacent and of one label."""
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    scores /= scores.sum(-1, keepdims=True)
    best = scores.argmax(-1)
    found, word, open_label = [], None, None
    for token, owner in enumerate(words):
        if owner is None:
            continue
        start, end = offsets[token]
        if owner == word:  # a later token of the word
            if open_label:
                found[-1]["end"] = end
            continue
        word, (prefix, _, label) = owner, names[int(best[token])].partition("-")
        if label and prefix == "I" and label == open_label:
            found[-1]["end"] = end
        elif label:
            found.append({"label": label, "start": start, "end": end, "score": float(scores[token, best[token]])})
        open_label = label
    return found


class Ner(Model):
    def __init__(self, checkpoint, onnx, threads):
        super().__init__("ner")
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.names = AutoConfig.from_pretrained(checkpoint).id2label
        self.run = onnxruntime(onnx / "fused.onnx", threads)
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        found = []
        for text in payload.inputs[0].as_numpy().ravel():
            text = text.decode() if isinstance(text, bytes) else text
            encoding = self.tokenizer(text, truncation=True, max_length=512, return_offsets_mapping=True)
            logits = self.run(*pad([encoding["input_ids"]]))[0]
            spans = entities(encoding.word_ids(), encoding["offset_mapping"], logits, self.names)
            found.append(json.dumps(spans).encode())
        output = InferOutput("ENTITIES", [len(found)], "BYTES")
        output.set_data_from_numpy(np.array(found, dtype=np.object_), binary_data=True)
        return InferResponse(payload.id or "", self.name, [output])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, parents=[model_server.parser], conflict_handler="resolve")
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--onnx", type=pathlib.Path, required=True, help="folder of export_onnx.py")
    parser.add_argument("--threads", type=int, required=True)
    arguments, _ = parser.parse_known_args()
    ModelServer().start([Ner(arguments.checkpoint, arguments.onnx, arguments.threads)])
