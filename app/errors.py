"""Errors with a meaning of their own; routes turn them into answers, nothing else catches them."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext


class Refusal(Exception):
    """A command declined to act. `sentence` is for people: what is wrong, why, and what to do.

    `code` is stable and for machines and tests; `help` says who can do something about it. Both are written as plain
    literals, for `bin/words` to find, and read in the reader's language; `facts` fill their `%(name)s`.
    """

    def __init__(self, code: str, sentence: str, help: str = "", *, status: int = 409, **facts: Any) -> None:
        super().__init__(f"{code}: {sentence % facts if facts else sentence}")
        self.code = code
        self.status = status
        self._sentence, self._help, self._facts = sentence, help, facts

    @property
    def sentence(self) -> str:
        return gettext(self._sentence, **self._facts)

    @property
    def help(self) -> str:
        return gettext(self._help, **self._facts) if self._help else ""


class StaleVersion(Refusal):
    """A form was opened on an older version of the record than the one it would overwrite."""

    def __init__(self, sentence: str, current: int, **facts: Any) -> None:
        super().__init__("stale_version", sentence, **facts)
        self.current = current


class IllegalMove(Exception):
    """A state machine was asked for an edge that it does not have: a defect of the caller, never of a person."""


class NotFound(Exception):
    """The record does not exist, or not for whoever asks. Routes answer 404 for both alike."""
