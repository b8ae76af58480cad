"""All that ships to Lambda besides app.py."""

__version__ = "0.1.0"
