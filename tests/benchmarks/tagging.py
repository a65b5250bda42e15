"""Offline tagging: useful tokens a second through the model, ours and each peer at its own best batching."""

import measure
from contest import Contestant
from corpus import write_part
from measure import Sample
from training import TCMALLOC, WITH_TCMALLOC

PASSES = 2  # over the corpus, for everybody; the faster counts, so that nobody pays for first touches
MODES = ("fp32", "bf16", "int8")


def at_its_best(setting, system, mode, batchings, tag):
    """A contestant that chooses its batching when first asked, if there is a choice. tag(corpus, batchings, passes) has
    for each batching what was printed, and the run."""
    part = write_part(setting.validation, setting.work / "choice.conll", setting.choice_sentences)
    chosen = list(batchings) if len(batchings) == 1 else []

    def measured(_):
        if not chosen:
            tried = tag(part, batchings, PASSES)
            chosen.append(max(zip(batchings, tried), key=lambda pair: pair[1][0]["tokens_per_s"])[0])
        (line, run), = tag(setting.validation, chosen, PASSES)
        return Sample(line["tokens_per_s"], line["f1"], run.peak_mb, {"batching": chosen[0]})

    return Contestant(system, mode, measured)


def ours(setting, checkpoint, mode, precision):
    env = measure.environment(setting.threads, **setting.libraries)

    def tag(corpus, batchings, passes):
        for tokens in batchings:
            run = measure.run([setting.bin / "tag_corpus", "--model", checkpoint, "--corpus", corpus, "--batch-tokens",
                               tokens, "--passes", passes, "--device", setting.device, *precision], env,
                              setting.log("tag_corpus"))
            yield run.json_lines()[0], run

    return at_its_best(setting, "fintag", mode, setting.batch_tokens, lambda *a: list(tag(*a)))


def peer(setting, checkpoint, system, mode, runtime, **environment):
    env = measure.environment(setting.threads, **environment)

    def tag(corpus, batchings, passes):
        command = setting.peer("tag.py", "--runtime", runtime, "--checkpoint", checkpoint, "--onnx",
                               onnx_folder(setting), "--corpus", corpus, "--passes", passes, "--threads",
                               setting.threads, "--device", setting.device, "--batching", *batchings)
        run = measure.run(command, env, setting.log(runtime))
        return [(line, run) for line in run.json_lines()]

    return at_its_best(setting, system, mode, setting.batchings, tag)


def onnx_folder(setting):
    return setting.work / "onnx"


def export(setting, checkpoint):
    """The checkpoint as ONNX, as the runtimes' users prepare it once."""
    measure.run(setting.peer("export_onnx.py", "--checkpoint", checkpoint, "--output", onnx_folder(setting)),
                measure.environment(setting.threads), setting.log("export_onnx"))


def contestants(setting, checkpoint):
    known = measure.offers(setting.bin / "tag_corpus", "--precision")
    modes = [m for m in MODES if m == "fp32" or (known and (m != "bf16" or setting.bf16))]
    return [*(ours(setting, checkpoint, mode, ["--precision", mode] if known else []) for mode in modes),
            peer(setting, checkpoint, "transformers", "fp32", "transformers"),
            *([peer(setting, checkpoint, "transformers", "bf16", "transformers-bf16")] if setting.bf16 else []),
            peer(setting, checkpoint, WITH_TCMALLOC, "fp32", "transformers", LD_PRELOAD=TCMALLOC),
            peer(setting, checkpoint, "ONNX Runtime", "fp32", "onnxruntime"),
            peer(setting, checkpoint, "ONNX Runtime", "int8", "onnxruntime-int8"),
            peer(setting, checkpoint, "OpenVINO", "fp32", "openvino-f32"),
            peer(setting, checkpoint, "OpenVINO", "own choice", "openvino")]
