"""Targeting rules: ``parse`` a document once; ``compiler`` writes it in the general form, which decides.

Versions and operators are specified in docs/targeting.md.
"""

from chalicelib.domain.targeting.document import InvalidRules, Rule, RulesDocument
from chalicelib.domain.targeting.parse import parse

__all__ = ["InvalidRules", "Rule", "RulesDocument", "parse"]
