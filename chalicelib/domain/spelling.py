"""The name that somebody may have meant. Only messages need it, so difflib is imported late."""

from collections.abc import Iterable

MIN_WORD = 4
"""Letters of a word by which a name is found, such as ``rollout`` of ``rollout_percentage``."""


def find_similar(name: object, known: Iterable[str], min_similarity: float = 0.6) -> str:
    """The name of ``known`` most like ``name``, whatever the case; empty if none is (1 is the same text)."""
    from difflib import get_close_matches

    by_spelling = {each.lower(): each for each in known}
    matches = get_close_matches(str(name)[:100].lower(), by_spelling, 1, min_similarity)
    return by_spelling[matches[0]] if matches else ""


def suggest(name: object, known: Iterable[str]) -> str:
    """The end of a message: empty if no name of ``known`` is like ``name``, begins with it or begins it."""
    names, written = sorted(known), str(name).lower()
    words = {word: each for each in reversed(names) for word in each.split("_") if len(word) >= MIN_WORD}
    related = [each for each in names if each.lower().startswith(written)]  # `op`
    related += [each for each in names if written.startswith(each.lower()) and len(each) > 1]  # `equals`
    similar = find_similar(name, names, 0.8) or words.get(find_similar(name, words, 0.75))
    similar = similar or find_similar(name, names)
    if not similar and len(written) > 1 and related:
        similar = related[0]
    return f"; did you mean {similar}?" if similar else ""


def describe_unknown_field(name: object, known: Iterable[str]) -> str:
    return f"unknown field{suggest(name, known) or '; remove it or correct its spelling'}"
