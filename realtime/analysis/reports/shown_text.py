"""Text of users in a terminal."""

from rich.text import Text

from realtime.safe_reading.shown_text import escape_controls


def show(text: str, style: str = "") -> Text:
    """No markup, and nothing that a terminal obeys."""
    return Text(escape_controls(text), style=style, overflow="fold")
