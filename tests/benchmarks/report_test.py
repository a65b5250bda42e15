#!/usr/bin/env python3
"""Ratios and tables of known rows; needs Python alone."""

import unittest

from machine import share
from measure import Sample, row
from ratios import judged, ratios
from report import markdown


def speed(system, mode, median, **more):
    return {"system": system, "mode": mode, "median": median, "minimum": median, "maximum": median, "f1": None,
            "peak_mb": 100, "share_of_limit": 0.5, **more}


def results(bf16, **parts):
    return {"machine": {"processor": "P", "features": ["avx2"], "cores": 2, "memory_gb_per_second": 10.0,
                        "gflops": {"fp32": 80.0, "bf16": bf16, "int8": 160.0}},
            "training": [], "tagging": [], "serving": [], "seeds": [], "ratios": {}, **parts}


def server(system, mode, load, median, p50, p99, resident):
    return speed(system, mode, median, load=load, p50_ms=p50, p99_ms=p99, p99_9_ms=2 * p99, resident_mb=resident,
                 resident_after_mb=resident + 50, errors=0,
                 tokens_per_second=median * 40, ready_seconds=1.0)


class RatiosTest(unittest.TestCase):
    def test_are_none_where_nothing_was_measured(self):
        self.assertEqual(set(ratios(results(None)).values()), {None})

    def test_training_leaves_the_other_allocator_out(self):
        rows = [speed("fintag", "fp32", 300, peak_mb=50), speed("transformers", "fp32", 100),
                speed("transformers with tcmalloc", "fp32", 200)]
        found = ratios(results(None, training=rows))
        self.assertEqual((found["training_fp32"], found["memory_training"], found["training_bf16"]), (3, 2, None))

    def test_mixed_precision_is_beside_the_trainers_better_mode(self):
        rows = [speed("fintag", "fp32", 300), speed("fintag", "bf16", 600), speed("transformers", "fp32", 200),
                speed("transformers", "bf16", 100)]
        self.assertEqual(ratios(results(160.0, training=rows))["training_bf16"], 3)

    def test_tagging_takes_the_best_peer_of_the_precision(self):
        rows = [speed("fintag", "fp32", 120), speed("fintag", "int8", 240), speed("transformers", "fp32", 60),
                speed("ONNX Runtime", "int8", 160), speed("OpenVINO", "fp32", 100),
                speed("OpenVINO", "own choice", 110)]
        with_bf16, without = ratios(results(160.0, tagging=rows)), ratios(results(None, tagging=rows))
        self.assertAlmostEqual(with_bf16["tagging_fp32"], 120 / 100)
        self.assertAlmostEqual(without["tagging_fp32"], 120 / 110)  # its own choice was fp32
        self.assertAlmostEqual(without["tagging_int8"], 240 / 160)
        self.assertIsNone(with_bf16["tagging_bf16"])
        rows.append(speed("fintag", "bf16", 220, share_of_limit=0.7))
        self.assertAlmostEqual(ratios(results(160.0, tagging=rows))["tagging_bf16"], 220 / 110)

    def test_share_of_the_limit_is_that_of_the_mode(self):
        gflops = {"gflops": {"fp32": 80.0, "bf16": None}}
        self.assertEqual(share(gflops, "fp32", 40e9), 0.5)
        self.assertIsNone(share(gflops, "bf16", 40e9))

    def test_serving_compares_at_the_same_load(self):
        rows = [server("fintag", "fp32", "1 client", 20, 5, 10, 50),
                server("fintag", "fp32", "32 clients", 30, 50, 100, 50),
                server("fintag", "int8", "32 clients", 40, 50, 100, 50),
                server("KServe with ONNX Runtime", "fp32", "1 client", 10, 10, 10, 200),
                server("KServe with ONNX Runtime", "fp32", "32 clients", 10, 50, 300, 200)]
        found = ratios(results(None, serving=rows, tagging=[speed("fintag", "fp32", 2400)]))
        names = ("serving_32", "serving_32_best", "p99_32", "p50_1", "memory_serving", "memory_after_loads",
                 "serving_share_of_offline", "ready_seconds")
        self.assertEqual([found[name] for name in names], [3, 4, 3, 2, 4, 2.5, 0.5, 1])


class ReportTest(unittest.TestCase):
    def test_judges_by_the_class_of_processor(self):
        found = {**ratios(results(None)), "training_fp32": 2.0, "ready_seconds": 2.0}
        met = {kind: {name: met for name, _, _, _, met in judged(found, kind)} for kind in ("avx2", "avx512")}
        self.assertEqual((met["avx2"]["training_fp32"], met["avx512"]["training_fp32"]), (True, False))
        self.assertEqual((met["avx2"]["tagging_fp32"], met["avx2"]["ready_seconds"]), (None, False))

    def test_tables_say_what_was_not_measured(self):
        given = results(None, training=[speed("fintag", "fp32", 12345)])
        given["ratios"] = ratios(given)
        text = markdown(given)
        self.assertIn("| fintag | fp32 | 12,345 | 12,345 | 12,345 |  | 100 | 0.50 |", text)
        self.assertIn("fp32 80, int8 160 GFLOP/s", text)
        given["seeds"] = [{"system": "fintag", "mode": "bf16", "f1": [0.75, 0.77], "mean": 0.76}]
        self.assertIn("| fintag | bf16 | 0.7500, 0.7700 | 0.7600 |", markdown(given))
        self.assertIn("| not measured | at least 1.6 |  |", text)

    def test_a_row_is_the_median_of_its_samples(self):
        found = row("S", "fp32", [Sample(1, 0.5, 10), Sample(9, None, 30), Sample(2, None, 20)])
        self.assertEqual(found, {"system": "S", "mode": "fp32", "median": 2, "minimum": 1, "maximum": 9, "f1": 0.5,
                                 "peak_mb": 30})


if __name__ == "__main__":
    unittest.main()
