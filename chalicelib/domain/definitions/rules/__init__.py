"""Rules as people write them (docs/rules.md), translated into the general form."""
