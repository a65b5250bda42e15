"""What runs a checkpoint: each a function from a padded batch, ids and mask of [sentences, tokens], to the logits of
[sentences, tokens, tags]. Libraries are loaded by those alone that use them."""

import numpy as np


def transformers(checkpoint, threads, device, bf16=False, compiled=False):
    import torch
    from transformers import AutoModelForTokenClassification

    torch.set_num_threads(threads)
    model = AutoModelForTokenClassification.from_pretrained(checkpoint).eval()
    model.to(device, torch.bfloat16 if bf16 else torch.float32)
    if compiled:
        model = torch.compile(model, dynamic=True)

    @torch.inference_mode()
    def run(ids, mask):
        answer = model(input_ids=torch.from_numpy(ids).to(device), attention_mask=torch.from_numpy(mask).to(device))
        return answer.logits.float().cpu().numpy()

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


# Each is given the options of tag.py.
RUNTIMES = {
    "transformers": lambda a: transformers(a.checkpoint, a.threads, a.device),
    "transformers-bf16": lambda a: transformers(a.checkpoint, a.threads, a.device, bf16=True),
    "transformers-bf16-compiled": lambda a: transformers(a.checkpoint, a.threads, a.device, bf16=True, compiled=True),
    "onnxruntime": lambda a: onnxruntime(a.onnx / "fused.onnx", a.threads),
    "onnxruntime-int8": lambda a: onnxruntime(a.onnx / "int8.onnx", a.threads),
    "openvino-f32": lambda a: openvino(a.onnx / "model.onnx", a.threads, INFERENCE_PRECISION_HINT="f32"),
    # Its own choice: bfloat16 where the processor has it.
    "openvino": lambda a: openvino(a.onnx / "model.onnx", a.threads),
}


def pad(rows):
    """Lists of ids as one rectangle, and its mask."""
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, :len(row)] = row
        mask[i, :len(row)] = 1
    return ids, mask
