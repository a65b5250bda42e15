"""CoNLL corpora as the benchmark needs them: a part of one, its sentences as texts, and their tags in IOB2."""


def blocks(path):
    """The lines of each sentence, document starts left out."""
    sentence = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("-DOCSTART-"):
                continue
            if line.strip():
                sentence.append(line)
            elif sentence:
                yield sentence
                sentence = []
    if sentence:
        yield sentence


def iob2(tags):
    """Tags of any of IOB1, IOB2 and I- only: what begins an entity begins with B-."""
    before = "O"
    for tag in tags:
        begins = tag.startswith("B-") or (tag.startswith("I-") and before[2:] != tag[2:])
        yield f"B-{tag[2:]}" if begins else tag
        before = tag


def sentences(path):
    """Pairs of words and IOB2 tags."""
    found = []
    for lines in blocks(path):
        columns = [line.split() for line in lines]
        found.append(([c[0] for c in columns], list(iob2([c[-1] for c in columns]))))
    return found


def write_blocks(found, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join("".join(lines) for lines in found), encoding="utf-8")
    return target


def write_part(source, target, most):
    """Evenly spread sentences of the source, at most so many; every kind of entity is likely to be among them."""
    found = list(blocks(source))
    step = max(1, -(-len(found) // most))
    return write_blocks(found[::step], target)


def repeat(source, target, copies):
    """The source's sentences several times over."""
    return write_blocks(list(blocks(source)) * copies, target)


def write_texts(source, target):
    """One sentence a line."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(" ".join(words) + "\n" for words, _ in sentences(source)), encoding="utf-8")
    return target
