#!/usr/bin/env python3
"""Writes unicode_tables.inc: the character properties that the `tokenizers` library tokenises BERT's text by.

    pip install tokenizers==0.23.3 && python3 core/text/unicode_tables.py

The library draws on four Unicode versions at once (its own crates for categories and decompositions, Rust's standard
library for case and white space, its regular expressions for word characters). So the tables are not taken from a
Unicode release: every property is measured on the library itself, for each of the 1,112,064 scalar values.
"""

import pathlib
import unicodedata

import tokenizers
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordPiece

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
HANGUL = range(0xAC00, 0xAC00 + 11172)


def bert(**options):
    chosen = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    return normalizers.BertNormalizer(**{**chosen, **options}).normalize_str


def tokenizer_with(token):
    tokenizer = Tokenizer(WordPiece({"[UNK]": 0, "x": 1, "y": 2}, unk_token="[UNK]"))
    tokenizer.add_tokens([token])
    return tokenizer


def categories():
    """Sets of code points: control, space, punctuation, chinese, mark, word."""
    clean, chinese, strip = bert(clean_text=True), bert(handle_chinese_chars=True), bert(strip_accents=True)
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    single = tokenizer_with(AddedToken("x", single_word=True, normalized=False)).encode
    rstrip = tokenizer_with(AddedToken("x", rstrip=True, normalized=False)).encode
    names = ("control", "space", "punctuation", "chinese", "mark", "word")
    sets = {name: set() for name in names}
    for c in SCALARS:
        char = chr(c)
        if clean(char) == "":
            sets["control"].add(c)
        pieces = len(split("a" + char + "a"))
        if pieces == 2:
            sets["space"].add(c)
        elif pieces == 3:
            sets["punctuation"].add(c)
        assert (rstrip("x" + char + "y").offsets[0] == (0, 2)) == (pieces == 2), hex(c)
        assert (clean(char) == " ") == (pieces == 2 and c not in sets["control"]), hex(c)
        if chinese(char) != char:
            assert chinese(char) == " " + char + " ", hex(c)
            sets["chinese"].add(c)
        if strip(char) == "":
            sets["mark"].add(c)
        if single("x" + char).offsets[0] != (0, 1):  # not taken out as a word of its own
            sets["word"].add(c)
    return sets


def lowercase():
    """{code point: its lower case where that differs}"""
    lower = bert(lowercase=True)
    return {c: lower(chr(c)) for c in SCALARS if lower(chr(c)) != chr(c)}


def decompositions():
    """{code point: its full canonical decomposition}, without the Hangul syllables, which are computed."""
    nfd = normalizers.NFD().normalize_str
    found = {}
    for c in SCALARS:
        parts = nfd(chr(c))
        if c in HANGUL:
            s = c - 0xAC00
            jamo = [0x1100 + s // 588, 0x1161 + s % 588 // 28] + ([0x11A7 + s % 28] if s % 28 else [])
            assert parts == "".join(map(chr, jamo)), hex(c)
        elif parts != chr(c):
            found[c] = parts
    return found


def combining_classes(decomposed):
    """{code point: canonical combining class}, where it is not 0, found by how the library reorders pairs."""
    nfd = normalizers.NFD().normalize_str
    swaps = lambda a, b: a != b and nfd("a" + chr(a) + chr(b)) == "a" + chr(b) + chr(a)
    lowest, highest = 0x0334, 0x0345  # classes 1 and 240
    representatives = {}
    for c in SCALARS:
        if unicodedata.combining(chr(c)) and c not in decomposed and (swaps(c, lowest) or swaps(highest, c)):
            representatives.setdefault(unicodedata.combining(chr(c)), c)
    classes = {}
    for c in SCALARS:
        if c in decomposed or c in HANGUL or not (c == highest or swaps(c, lowest) or swaps(highest, c)):
            continue
        equal = [k for k, r in representatives.items() if not swaps(c, r) and not swaps(r, c)]
        assert len(equal) == 1, (hex(c), equal)
        classes[c] = equal[0]
    return classes


def ranges(code_points):
    runs = []
    for c in sorted(code_points):
        if runs and runs[-1][1] == c - 1:
            runs[-1][1] = c
        else:
            runs.append([c, c])
    return runs


def rows(items):
    """Comma separated items, as many on a line as fit 120 columns."""
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) + 2 > 120:
            lines.append(line)
            line = "   "
        line += " " + item + ","
    return "\n".join(lines + [line])


def main():
    sets, lower, parts = categories(), lowercase(), decompositions()
    classes = combining_classes(parts)
    out = [
        "// Written by unicode_tables.py from tokenizers " + tokenizers.__version__ + ". Do not edit.",
        "// clang-format off",
    ]
    for name, members in sets.items():
        out += [f"constexpr Range k{name.capitalize()}Ranges[] = {{"]
        out += [rows(f"{{0x{a:X}, 0x{b:X}}}" for a, b in ranges(members)), "};"]

    by_class = {}
    for c, k in classes.items():
        by_class.setdefault(k, []).append(c)
    out += ["// {first, last, canonical combining class}", "constexpr ClassRange kClassRanges[] = {"]
    out += [rows(f"{{0x{a:X}, 0x{b:X}, {k}}}" for k in sorted(by_class) for a, b in ranges(by_class[k])), "};"]

    for name, table in (("Lower", lower), ("Decomposition", parts)):
        pool, entries = [], []
        for c, text in sorted(table.items()):
            entries.append(f"{{0x{c:X}, {len(pool)}, {len(text)}}}")
            pool += [f"0x{ord(x):X}" for x in text]
        out += [f"constexpr char32_t k{name}Pool[] = {{", rows(pool), "};"]
        out += ["// {code point, position in the pool, length}", f"constexpr Mapping k{name}Mappings[] = {{"]
        out += [rows(entries), "};"]
    out += ["// clang-format on", ""]
    pathlib.Path(__file__).with_suffix(".inc").write_text("\n".join(out), encoding="ascii")
    print({name: len(members) for name, members in sets.items()}, len(lower), len(parts), len(classes))


if __name__ == "__main__":
    main()
