"""What belongs in a data folder: each file and folder is explained by what the API lists, or it is an orphan."""
import re

# Of a server that has stopped. A path below the data folder belongs there if it matches an entry; a name in braces is
# filled with what the API lists. Folders end with "/". server/jobs/JOB_FOLDER.md and core/model/CHECKPOINT.md say what
# each is.
BELONGS = [
    "fintagd.lock",
    "fintag.db",
    "audit.log",
    "datasets/", "datasets/.incoming/",
    "models/", "models/.incoming/",
    "jobs/", "jobs/.incoming/",
    "{dataset}/", "{dataset}/(train|validation)[.](given|jsonl)",
    "{model}/", "{version}/",
    "{version}/(config.json|vocab.txt|model.safetensors|fintag.json|tokenizer_config.json|special_tokens_map.json)",
    "{version}/(precision|version).json",
    "{job}/", "{job}/(events.log|progress.json|job.json|trainer.(pid|lock|out))",
    # It may be all there is of a failed job.
    "{failed_job}/checkpoint/",
    "{failed_job}/checkpoint/(config.json|vocab.txt|model.safetensors|fintag.json|tokenizer_config.json"
    "|special_tokens_map.json)",
]
# Each job, dataset and version has at least these.
NEEDED = {"dataset": ["train.given", "train.jsonl", "validation.given", "validation.jsonl"],
          "version": ["config.json", "vocab.txt", "model.safetensors", "version.json"], "job": ["events.log"]}


def differences(data, listed):
    """What lies in `data` and belongs to nothing, and what is missing there. `listed`: kind of name, as in the
    braces -> names as the API has them."""
    listed = {kind: {name.replace("/versions/", "/") for name in names} for kind, names in listed.items()}
    patterns = []
    for entry in BELONGS:
        kind = re.match(r"\{(\w+)\}", entry)
        names = listed[kind[1]] if kind else [""]
        rest = entry[kind.end():] if kind else entry
        patterns += [re.escape(name) + rest.replace(".json", "[.]json") for name in names]
    belongs = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    found = {str(p.relative_to(data)) + ("/" if p.is_dir() and not p.is_symlink() else "") for p in data.rglob("*")}
    orphans = sorted(path for path in found if not belongs.fullmatch(path))
    needed = {f"{name}/{file}" for kind, files in NEEDED.items() for name in listed[kind] for file in files}
    return ([f"{path} belongs to nothing" for path in orphans] +
            [f"{path} is missing" for path in sorted(needed - found)])
