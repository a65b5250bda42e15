#!/usr/bin/env python3
"""Writes the binary inputs that the fuzzers start from into corpus/: weights as PyTorch saves them, small.

Run with the Python of deploy/install.sh --tests (~/.cache/fintag/venv/bin/python). The text inputs beside them were
written by hand or found by a fuzzer.
"""
import io
import json
import pathlib
import pickle
import struct
import zipfile

import torch

CORPUS = pathlib.Path(__file__).parent / "corpus"


def write(parser, name, data):
    folder = CORPUS / parser
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def saved(state, legacy=False):
    file = io.BytesIO()
    torch.save(state, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


torch.manual_seed(0)
base = torch.arange(6, dtype=torch.float32).reshape(2, 3)
states = {
    "floats": {"a.weight": base, "a.bias": torch.ones(2)},
    "halves": {"h": base.half(), "b": base.bfloat16(), "i": torch.arange(3), "e": torch.empty(0, 4)},
    "views": {"t": base.t(), "row": base[1], "column": base[:, 1], "same": base},
    "parameter": torch.nn.Linear(2, 1).state_dict(),
    "nested": {"model": {"a": base}},
}
for name, state in states.items():
    write("torch_archive", f"{name}.zip", saved(state))
    write("torch_archive", f"{name}.legacy", saved(state, legacy=True))
archive = saved(states["floats"])
write("zip_archive", "torch_save", archive)
write("pickle_reader", "data.pkl", zipfile.ZipFile(io.BytesIO(archive)).read("archive/data.pkl"))
for name, value in {"numbers": [1, -1, 300, 70000, 1 << 70, 1.5, None, True, (1, 2, 3, 4)],
                    "names": {"a": ["b", ("c",)], "d": {}}}.items():
    for protocol in range(2, 6):
        write("pickle_reader", f"{name}.{protocol}", pickle.dumps(value, protocol))
write("pickle_reader", "system", b"cos\nsystem\n(X\x04\x00\x00\x00exittR.")

stored = io.BytesIO()
with zipfile.ZipFile(stored, "w") as file:
    file.writestr("a/data.pkl", b"x" * 5)
    file.writestr("a/data/0", b"")
write("zip_archive", "stored", stored.getvalue())
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
    file.writestr("a", b"x" * 50)
write("zip_archive", "compressed", packed.getvalue())
large = io.BytesIO()
with zipfile.ZipFile(large, "w") as file, file.open("a", "w", force_zip64=True) as member:
    member.write(b"zip64")
write("zip_archive", "zip64", large.getvalue())

write("safetensors", "one", safetensors({"a": entry("F32", [2, 2], 0, 16)}, struct.pack("<4f", 1, 2, 3, float("nan"))))
write("safetensors", "types", safetensors(
    {"__metadata__": {"format": "pt"}, "h": entry("F16", [2], 0, 4), "b": entry("BF16", [2], 4, 8),
     "i": entry("I64", [1], 8, 16), "e": entry("F32", [0, 3], 16, 16), "s": entry("F32", [], 16, 20)}, bytes(range(20))))
write("safetensors", "gap", safetensors({"a": entry("U8", [1], 1, 2)}, b"xy"))
write("safetensors", "empty", safetensors({}))
write("safetensors", "large_shape", safetensors({"a": entry("F32", [1 << 62, 4], 0, 0)}))
write("safetensors", "long_header", struct.pack("<Q", 1 << 63) + b"{}")


def element(text):
    return struct.pack("<I", len(text)) + text


write("bytes_tensor", "two", b"\x02" + element(b"Acme lends.") + element(b""))
write("bytes_tensor", "cut", b"\x01" + element(b"Acme lends.")[:-2])
write("bytes_tensor", "long", b"\x01\xff\xff\xff\xff")
