"""Where the checkout is, for tests that read its documents and start its commands."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
