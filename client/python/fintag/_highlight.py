"""Texts with their entities as HTML for a notebook, in the look of `fintag tag --format html` (html_page.cc)."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Dict, List, Sequence

if TYPE_CHECKING:
    from ._tagged import TaggedText

# By order of the labels' appearance. As in html_page.cc; a test compares them.
COLOURS = ("#a5d8ff", "#ffe08a", "#d0bfff", "#b2f2bb", "#ffc9c9", "#96f2d7", "#ffd8a8", "#fcc2d7")

# Bounded, so that a notebook that shows ten thousand texts stays one that opens.
SHOWN = 100

# A notebook has its own ink and paper, so only what lies within is styled.
_STYLE = """<style>
.fintag { max-width: 60rem; line-height: 1.9; }
.fintag .legend { padding-bottom: .4rem; border-bottom: 1px solid #8884; }
.fintag p { margin: .8rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.fintag mark { padding: .1rem .35rem; border-radius: .3rem; color: #1c1e21; }
.fintag mark small { margin-left: .4rem; font-weight: 600; font-size: .7em; }
""" + "\n".join(f".fintag .c{i} {{ background: {colour}; }}" for i, colour in enumerate(COLOURS)) + "\n</style>"

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}


def escape(text: str) -> str:
    """For text between tags and for quoted attributes. Characters that HTML forbids become U+FFFD."""
    # "\r\n" stays, so that offsets do: to HTML it is one line break.
    text = re.sub("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff]", "\ufffd", text)
    return re.sub("[&<>\"']", lambda found: _ESCAPES[found[0]], text)


def highlight(results: Sequence[TaggedText]) -> str:
    colours: Dict[str, int] = {}
    counts: Dict[str, int] = {}
    paragraphs = [_paragraph(result, colours, counts) for result in results[:SHOWN]]
    texts = f"{len(results):,} text{'' if len(results) == 1 else 's'}"
    if len(results) > SHOWN:
        texts += f", of which the first {SHOWN}"
    legend = "".join(f' &nbsp; <mark class="c{colours[label]}">{escape(label)}</mark> {counts[label]:,}'
                     for label in sorted(counts))
    return "\n".join(['<div class="fintag">', _STYLE, f'<div class="legend">{texts}{legend}</div>', *paragraphs,
                      "</div>"])


def _paragraph(result: TaggedText, colours: Dict[str, int], counts: Dict[str, int]) -> str:
    pieces: List[str] = []
    done = 0
    for entity in result.entities:
        if not done <= entity.start < entity.end <= len(result.text):
            continue
        colour = colours.setdefault(entity.label, len(colours) % len(COLOURS))
        counts[entity.label] = counts.get(entity.label, 0) + 1
        label = escape(entity.label)
        pieces.append(escape(result.text[done:entity.start]))
        pieces.append(f'<mark class="c{colour}" title="{label} {entity.score:.3f}, {entity.start}-{entity.end}">'
                      f"{escape(result.text[entity.start:entity.end])}<small>{label}</small></mark>")
        done = entity.end
    return f"<p>{''.join(pieces)}{escape(result.text[done:])}</p>"
