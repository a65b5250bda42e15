#!/usr/bin/env python3
"""Writes tokenizer_vocab.txt and tokenizer_golden.jsonl: what the `tokenizers` library makes of 6,000 texts.

    pip install tokenizers==0.23.3 && python3 tests/data/golden/tokenizer_golden.py

The vocabulary is our own and serves every variant. The golden file starts with one line a variant,
{"variant": name, "config": tokenizer_config.json or null, "tokenizer": tokenizer.json without its vocabulary}; each
further line is a case: [variant, text or words, [id, word, begin, end, id, word, begin, end, ...]].
"""

import json
import pathlib

from fuzzed_text import ACCENTED, CASED, CHINESE, EAST_ASIAN, MARKS, PUNCTUATION, SCRIPTS, fuzzed_text, fuzzed_words, \
    generator
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordPiece

FOLDER = pathlib.Path(__file__).parent
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CASES_A_VARIANT = 600


def vocabulary():
    pieces = list(SPECIALS)
    ascii_characters = [chr(c) for c in range(0x21, 0x7F)]
    others = [c for c in ACCENTED + CASED + MARKS + CHINESE + EAST_ASIAN + PUNCTUATION + SCRIPTS]
    others += [part for c in others for part in normalizers.NFD().normalize_str(c)]
    others += [part for c in others for part in c.lower()]
    pieces += ascii_characters + [c for i, c in enumerate(others) if i % 5 != 0]  # the rest: [UNK]
    pieces += ["##" + c for c in ascii_characters if c.isalnum()]
    pieces += ["##" + c for i, c in enumerate(others) if i % 4 != 0]
    words = "the bank banks lender borrower agree agreement Silicon silicon Valley valley Inc inc Corp corp interest " \
            "inter national un aff run running token dated January january section lib libor ever evergreen solar a.b"
    pieces += words.split() + [word.capitalize() for word in words.split()]
    pieces += ["##" + word for word in "s ing ed er ization isation national able aff ment green solar ai ba ita".split()]
    return list(dict.fromkeys(pieces))


def tokenizer(pieces, added=(), max_characters=100, prefix="##", **options):
    chosen = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True, **options}
    made = Tokenizer(
        WordPiece(
            {piece: i for i, piece in enumerate(pieces)},
            unk_token="[UNK]",
            max_input_chars_per_word=max_characters,
            continuing_subword_prefix=prefix,
        )
    )
    made.normalizer = normalizers.BertNormalizer(**chosen)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.add_special_tokens(SPECIALS)
    if added:
        made.add_tokens(list(added))
    return made


ADDED = (
    AddedToken("[ORG]", special=True, normalized=False),
    AddedToken("<e>", lstrip=True, rstrip=True, normalized=False),
    AddedToken("Lender", single_word=True, normalized=True),
    AddedToken("Café", normalized=True),
    AddedToken("co", single_word=True, normalized=False),
    AddedToken("[SEP] the", normalized=False),
    AddedToken("ru", lstrip=True, normalized=True),
    AddedToken("Ü", rstrip=True, single_word=True, normalized=True),
    AddedToken("銀", normalized=True),
)
ADDED_BAIT = ("[ORG]", "<e>", " <e>", "<e>\u00a0\t", "Lender", "LENDER", "lender", "Café", "CAFE\u0301", "cafe", "co",
              "[SEP] the", "[SEP]", "ru", " ru", "RÜ", "Ü ", "ü", "U\u0308", "銀", "_", "\u200d", "\u0301", "x")


def variants(pieces):
    """Name -> tokenizer, tokenizer_config.json that says the same of vocab.txt (or None), whether to bait."""
    config = lambda **fields: {"do_lower_case": True, "strip_accents": None, **fields}
    return {
        "uncased": (tokenizer(pieces), config(), False),
        "cased": (tokenizer(pieces, lowercase=False), config(do_lower_case=False), False),
        "cased without accents": (
            tokenizer(pieces, lowercase=False, strip_accents=True),
            config(do_lower_case=False, strip_accents=True),
            False,
        ),
        "uncased with accents": (tokenizer(pieces, strip_accents=False), config(strip_accents=False), False),
        "chinese not split": (
            tokenizer(pieces, handle_chinese_chars=False),
            config(tokenize_chinese_chars=False),
            False,
        ),
        "not cleaned": (tokenizer(pieces, clean_text=False), None, False),
        "not cleaned, cased": (
            tokenizer(pieces, clean_text=False, lowercase=False, handle_chinese_chars=False),
            None,
            False,
        ),
        "short words, no prefix": (tokenizer(pieces, max_characters=7, prefix=""), None, False),
        "added, uncased": (tokenizer(pieces, ADDED), None, True),
        "added, cased, not cleaned": (tokenizer(pieces, ADDED, lowercase=False, clean_text=False), None, True),
    }


def bait(rng, text):
    """Puts added tokens and what resembles them into a text."""
    for _ in range(rng.randint(0, 4)):
        at = rng.randint(0, len(text))
        text = text[:at] + rng.choice(("", " ")) + rng.choice(ADDED_BAIT) + rng.choice(("", " ", "\t ")) + text[at:]
    return text


def tokens(encoding):
    flat = []
    for i, word, (begin, end) in zip(encoding.ids, encoding.word_ids, encoding.offsets):
        flat += [i, word, begin, end]
    return flat


def write_lines(path, lines):
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="\n")


def main():
    dump = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    pieces = vocabulary()
    write_lines(FOLDER / "tokenizer_vocab.txt", pieces)
    chosen = variants(pieces)
    lines, cases = [], []
    for number, (name, (made, config, baited)) in enumerate(chosen.items()):
        document = json.loads(made.to_str())
        document["model"]["vocab"] = {}
        lines.append(dump({"variant": name, "config": config, "tokenizer": document}))
        rng = generator(number)
        for case in range(CASES_A_VARIANT):
            if case % 3:
                given = fuzzed_text(rng, 7)
                given = bait(rng, given) if baited else given
                encoding = made.encode(given, add_special_tokens=False)
            else:
                given = fuzzed_words(rng, 4)
                given = [bait(rng, word) for word in given] if baited else given
                encoding = made.encode(given, is_pretokenized=True, add_special_tokens=False)
            cases.append(dump([number, given, tokens(encoding)]))
    write_lines(FOLDER / "tokenizer_golden.jsonl", lines + cases)
    print(len(pieces), "pieces,", len(cases), "cases")


if __name__ == "__main__":
    main()
