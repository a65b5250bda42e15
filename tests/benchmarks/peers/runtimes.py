"""What runs a checkpoint: each a function from a padded batch, ids and mask of [sentences, tokens], to the logits of
[sentences, tokens, tags]. Libraries are loaded by those alone that use them."""

import numpy as np


def transformers(checkpoint, threads, bf16=False):
    import torch
    from transformers import AutoModelForTokenClassification

    torch.set_num_threads(threads)
    model = AutoModelForTokenClassification.from_pretrained(checkpoint).eval()
    model.to(torch.bfloat16 if bf16 else torch.float32)

    @torch.inference_mode()
    def run(ids, mask):
        return model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits.float().numpy()

    return run


def onnxruntime(path, threads):
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = threads
    session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda ids, mask: session.run(None, {"input_ids": ids, "attention_mask": mask})[0]


def openvino(path, threads, **properties):
    from openvino import Core

    model = Core().compile_model(str(path), "CPU", {"INFERENCE_NUM_THREADS": threads, **properties})
    return lambda ids, mask: model({"input_ids": ids, "attention_mask": mask})[0]


RUNTIMES = {
    "transformers": lambda checkpoint, onnx, threads: transformers(checkpoint, threads),
    "transformers-bf16": lambda checkpoint, onnx, threads: transformers(checkpoint, threads, bf16=True),
    "onnxruntime": lambda checkpoint, onnx, threads: onnxruntime(onnx / "fused.onnx", threads),
    "onnxruntime-int8": lambda checkpoint, onnx, threads: onnxruntime(onnx / "int8.onnx", threads),
    "openvino-f32": lambda checkpoint, onnx, threads: openvino(onnx / "model.onnx", threads,
                                                               INFERENCE_PRECISION_HINT="f32"),
    # Its own choice: bfloat16 where the processor has it.
    "openvino": lambda checkpoint, onnx, threads: openvino(onnx / "model.onnx", threads),
}


def pad(rows):
    """Lists of ids as one rectangle, and its mask."""
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, :len(row)] = row
        mask[i, :len(row)] = 1
    return ids, mask
