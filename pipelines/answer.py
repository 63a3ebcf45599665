"""What does a verb hand back? Facts for machines and words for people, as one value."""

from typing import Any


class Report(dict[str, Any]):
    """What was, or would be, done.

    Args:
        words: For people.
        **facts: For machines.
    """

    def __init__(self, words: str, **facts: Any) -> None:
        super().__init__(facts)
        self._words = words

    def __str__(self) -> str:
        return self._words
