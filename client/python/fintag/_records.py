"""From what a data scientist has in hand (lists, tables, datasets) to JSON lines, one sentence a line."""
from __future__ import annotations

import json
import os
import sys
from typing import IO, TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from .errors import FieldViolation, InvalidArgument

if TYPE_CHECKING:
    import datasets
    import pandas

Record = Union[Mapping[str, Any], Tuple[Sequence[str], Sequence[str]]]
# What `upload` takes for a part of a dataset: a file (CoNLL columns or JSON lines); an iterable of (words, tags),
# {"tokens": ..., "tags": ...} or {"text": ..., "entities": ...}; a table with such columns, or with one row a word.
Source = Union[str, "os.PathLike[str]", Iterable[Record], "pandas.DataFrame", "datasets.Dataset"]

_WORDS, _TAGS = ("tokens", "words"), ("tags", "ner_tags")
_ROW_PER_WORD = ("sentence", "word", "tag")
_COLUMNS = ('columns "tokens" and "tags" (one sentence a row), "text" and "entities", or "sentence", "word" and "tag" '
            "(one word a row)")


def is_file(source: Source) -> bool:
    return isinstance(source, (str, os.PathLike))


def write_json_lines(source: Source, part: str, out: IO[str]) -> None:
    """InvalidArgument names the sentence that is wrong, as the server does with lines: "train:12"."""
    tag_names: Sequence[str] = ()
    records: Iterable[Any]
    if _is_a(source, "pandas", "DataFrame"):
        records = _rows(source, part)
    elif _is_a(source, "datasets", "Dataset") or _is_a(source, "datasets", "IterableDataset"):
        records, tag_names = source, _class_names(source)  # type: ignore[assignment]
    elif isinstance(source, Mapping) or not isinstance(source, Iterable):
        raise TypeError(f"{part}: must be a file, an iterable of sentences, a pandas DataFrame or a datasets.Dataset, "
                        f"not {type(source).__name__}; of a DatasetDict give one split, such as data['train']")
    else:
        records = source
    number = 0
    for number, record in enumerate(records, 1):
        try:
            line = _line(record, tag_names)
        except (TypeError, ValueError) as error:
            field = FieldViolation(f"{part}:{number}", str(error))
            raise InvalidArgument(f"{field}", [field]) from None
        out.write(line + "\n")
    if number == 0:
        field = FieldViolation(part, "has no sentences")
        raise InvalidArgument(f"{field}", [field])


def _is_a(source: object, module: str, name: str) -> bool:
    """Without importing what the caller does not use."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(source, getattr(loaded, name))


def _rows(table: Any, part: str) -> Iterator[Mapping[str, Any]]:
    columns = [str(name) for name in table.columns]
    if any(name in columns for name in _WORDS) or "text" in columns:
        # Row by row, so that a large table isn't in memory twice.
        for row in table.itertuples(index=False, name=None):
            yield dict(zip(columns, row))
        return
    if not all(name in columns for name in _ROW_PER_WORD):
        raise InvalidArgument(f"{part}: a table must have {_COLUMNS}; it has {columns}",
                              [FieldViolation(part, f"must have {_COLUMNS}")])
    for _, rows in table.groupby("sentence", sort=False, dropna=False):
        yield {"tokens": rows["word"].tolist(), "tags": rows["tag"].tolist()}


def _class_names(dataset: Any) -> Sequence[str]:
    """Of tags that are numbers of a ClassLabel."""
    features = dataset.features or {}
    for name in _TAGS:
        label = getattr(features.get(name), "feature", None)
        names: Optional[List[str]] = getattr(label, "names", None)
        if names:
            return names
    return ()


def _line(record: Any, tag_names: Sequence[str]) -> str:
    if isinstance(record, Mapping):
        line = _of_mapping(record, tag_names)
    elif isinstance(record, Sequence) and not isinstance(record, (str, bytes)) and len(record) == 2:
        line = _tagged(record[0], record[1], tag_names)
    else:
        raise TypeError(f'a sentence must be (words, tags), {{"tokens", "tags"}} or {{"text", "entities"}}; this is '
                        f"{_shown(record)}")
    text = json.dumps(line, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"is no valid Unicode: {error.reason}") from None
    return text


def _of_mapping(record: Mapping[str, Any], tag_names: Sequence[str]) -> Dict[str, Any]:
    words = next((name for name in _WORDS if record.get(name) is not None), None)
    tags = next((name for name in _TAGS if record.get(name) is not None), None)
    if words and tags:
        line = _tagged(record[words], record[tags], tag_names)
    elif isinstance(record.get("text"), str) and record.get("entities") is not None:
        line = {"text": record["text"], "entities": [_entity(entity) for entity in record["entities"]]}
    else:
        raise TypeError(f'a sentence must have "tokens" and "tags", or "text" and "entities"; this has {list(record)}')
    if isinstance(record.get("document"), (int, str)):
        line["document"] = record["document"]
    return line


def _tagged(words: Any, tags: Any, tag_names: Sequence[str]) -> Dict[str, Any]:
    if isinstance(words, str) or isinstance(tags, str):
        raise TypeError("words and tags must be lists of strings, not one string")
    words, tags = list(words), [_tag(tag, tag_names) for tag in tags]
    wrong = next((word for word in words if not isinstance(word, str)), None)
    if wrong is not None:
        raise TypeError(f"the word {_shown(wrong)} is not a string")
    if len(words) != len(tags):
        raise ValueError(f"has {len(words)} words and {len(tags)} tags")
    return {"tokens": [str(word) for word in words], "tags": tags}


def _tag(tag: Any, tag_names: Sequence[str]) -> str:
    if isinstance(tag, str):
        return str(tag)
    if tag_names and 0 <= int(tag) < len(tag_names):
        return tag_names[int(tag)]
    raise TypeError(f"the tag {_shown(tag)} is not a string such as B-ORG")


def _entity(entity: Any) -> Dict[str, Any]:
    """{"start", "end", "label"}, (start, end, label), or an entity that `tag` returned."""
    if isinstance(entity, Mapping):
        start, end, label = entity.get("start"), entity.get("end"), entity.get("label")
    elif isinstance(entity, Sequence) and len(entity) == 3:
        start, end, label = entity
    else:
        start, end, label = (getattr(entity, name, None) for name in ("start", "end", "label"))
    if start is None or end is None or not isinstance(label, str):
        raise TypeError(f"an entity must have start, end and label; this is {_shown(entity)}")
    return {"start": int(start), "end": int(end), "label": str(label)}


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
