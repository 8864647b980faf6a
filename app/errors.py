"""Errors with a meaning of their own; routes turn them into answers, nothing else catches them."""


class Refusal(Exception):
    """A command declined to act. `sentence` is for people: what is wrong, why, and what to do.

    `code` is stable and for machines and tests; `help` says who can do something about it.
    """

    def __init__(self, code: str, sentence: str, help: str = "", *, status: int = 409) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.help = help
        self.status = status


class StaleVersion(Refusal):
    """A form was opened on an older version of the record than the one it would overwrite."""

    def __init__(self, sentence: str, current: int) -> None:
        super().__init__("stale_version", sentence)
        self.current = current


class IllegalMove(Exception):
    """A state machine was asked for an edge that it does not have: a defect of the caller, never of a person."""


class NotFound(Exception):
    """The record does not exist, or not for whoever asks. Routes answer 404 for both alike."""
