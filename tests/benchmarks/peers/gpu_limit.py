#!/usr/bin/env python3
"""What the device does at most: prints its name, GFLOP/s of a large product by precision, and GB/s of a copy, read and
written, as one JSON line."""

import argparse
import json
import time

import torch


def fastest(device, work, rounds=10):
    """Seconds of the fastest of several runs, after one that warms up."""
    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    seconds = []
    for _ in range(rounds + 1):
        wait()
        start = time.perf_counter()
        work()
        wait()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", required=True)
    a = parser.parse_args()
    size = 8192 if a.device == "cuda" else 1024
    gflops = {}
    for name, dtype in ("fp32", torch.float32), ("bf16", torch.bfloat16):
        x, y = (torch.randn(size, size, device=a.device, dtype=dtype) for _ in range(2))
        gflops[name] = round(2 * size**3 / fastest(a.device, lambda x=x, y=y: x @ y) / 1e9, 1)
    source = torch.empty(size * size * 4, device=a.device)
    target = torch.empty_like(source)
    bandwidth = 2 * source.nbytes / fastest(a.device, lambda: target.copy_(source)) / 1e9
    print(json.dumps({"device": torch.cuda.get_device_name() if a.device == "cuda" else "CPU",
                      "torch": torch.__version__, "gflops": gflops, "memory_gb_per_second": round(bandwidth)}))


if __name__ == "__main__":
    main()
