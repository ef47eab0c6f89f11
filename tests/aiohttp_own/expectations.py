"""What is expected of aiohttp's own tests, from `expectations.txt`."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

__all__ = ("COUNTED", "NOT_COUNTED", "Expectation", "read")

#: Kinds of tests that count, and fail.
COUNTED = {"differs": "we decided otherwise; docs/migration.md says why"}
#: Kinds of tests that are not about a client's public behaviour.
NOT_COUNTED = {
    "private": "uses names of aiohttp's that begin with an underscore, or replaces its internals",
    "internal": "is about modules of aiohttp that its documentation does not name",
    "deprecated": "is about what aiohttp has deprecated",
    "wording": "insists on the words of a message, or of a log line",
    "server": "is about aiohttp's server or its own test client",
    "windows": "is about another operating system",
}


@dataclass(frozen=True)
class Expectation:
    """One line.

    Attributes:
        kind: one of the above.
        test: ``file::name`` or ``file::Class::name``, with or without ``[parameters]``; ``*``
            stands for anything.
        reason: in a few words.
    """

    kind: str
    test: str
    reason: str

    def matches(self, name: str) -> bool:
        """Tell whether a test is meant; ``name`` has its parameters."""
        return fnmatchcase(name, _literal(self.test)) or fnmatchcase(
            name.partition("[")[0], _literal(self.test)
        )


def _literal(pattern: str) -> str:
    return pattern.replace("[", "[[]")


def read() -> list[Expectation]:
    """Read the file.

    Raises:
        ValueError: a line lacks one of its three parts, or a kind is unknown.
    """
    found = []
    for number, line in enumerate(_FILE.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        kind, test, reason = (*line.split(maxsplit=2), "", "")[:3]
        if kind not in COUNTED | NOT_COUNTED or not reason or "::" not in test:
            raise ValueError(f"{_FILE.name}:{number}: {line}")
        found.append(Expectation(kind, test, reason))
    return found


_FILE = Path(__file__).with_name("expectations.txt")
