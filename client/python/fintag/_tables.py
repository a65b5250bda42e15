"""Tables for data scientists: those of pandas, which is an extra."""
from __future__ import annotations

from typing import Any, List, Optional, Sequence


def table(rows: Sequence[Any], columns: Optional[List[str]] = None, index: Optional[List[str]] = None) -> Any:
    """A pandas.DataFrame."""
    try:
        import pandas
    except ModuleNotFoundError:
        raise ImportError("a table needs pandas: pip install 'fintag[pandas]'") from None
    return pandas.DataFrame(rows, columns=columns, index=index)
