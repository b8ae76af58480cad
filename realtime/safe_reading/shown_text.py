"""Text of a file as a terminal may show it."""


def escape_controls(text: str) -> str:
    """What a terminal would obey, and what it cannot show, as escapes. Line breaks stay."""
    shown = text.encode(errors="backslashreplace").decode()
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in shown)


def format_count(number: int, noun: str) -> str:
    """``1 flag``, ``2,000 flags``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
