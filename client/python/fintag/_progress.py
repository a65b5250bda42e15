"""A progress bar for a job that is watched: tqdm's, in a terminal or a notebook."""
from __future__ import annotations

import sys
import warnings
from typing import Any, Optional

from ._training import Epoch, Event, Progress, TrainingFinished, TrainingStarted


class TrainingBar:
    """`show`: True, False, or None: where somebody is looking."""

    def __init__(self, title: str, show: Optional[bool]) -> None:
        self._title, self._epochs = title, 0
        self._bar: Any = None
        self._figures = {"loss": "", "F1": ""}
        if show or (show is None and (sys.stderr.isatty() or _in_notebook())):
            self._bar = _make_bar(title)

    def __enter__(self) -> TrainingBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def hear(self, event: Event) -> None:
        if self._bar is None:
            return
        what = event.what
        if isinstance(what, TrainingStarted):
            # A trainer that was started again begins anew.
            self._bar.reset(total=what.total_steps)
        elif isinstance(what, Progress):
            self._figures["loss"] = f"{what.loss:.4f}"
            self._move(what.epoch, what.step)
        elif isinstance(what, Epoch):
            self._figures["loss"], self._figures["F1"] = f"{what.train_loss:.4f}", f"{what.f1:.4f}"
            self._move(what.epoch, self._bar.n)
        elif isinstance(what, TrainingFinished) and not what.cancelled:
            self._move(self._epochs, self._bar.total or 0)

    def hide(self) -> None:
        """Until the next event, so that what is printed meanwhile stands on lines of its own."""
        if self._bar is not None:
            self._bar.clear()

    def _move(self, epoch: int, step: int) -> None:
        self._epochs = epoch
        self._bar.set_description(f"{self._title} epoch {epoch}", refresh=False)
        self._bar.set_postfix({name: figure for name, figure in self._figures.items() if figure}, refresh=False)
        self._bar.n = max(self._bar.n, step)
        self._bar.refresh()


def _in_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


def _make_bar(title: str) -> Any:
    with warnings.catch_warnings():
        # Where a notebook has no widgets tqdm says so, and draws with characters.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm
    # In a notebook, what goes to stderr looks like an error.
    return tqdm(total=0, desc=title, unit="step", file=sys.stdout if _in_notebook() else sys.stderr, leave=True)
