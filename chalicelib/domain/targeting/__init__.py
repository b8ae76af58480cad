"""Targeting rules: ``parse`` a document once, ``compile_rules`` it, then ``Rules.match`` contexts.

Versions and operators are specified in docs/targeting.md.
"""

from chalicelib.domain.targeting.compiler import Rules, compile_condition, compile_rules
from chalicelib.domain.targeting.document import InvalidRules, Rule, RulesDocument
from chalicelib.domain.targeting.parse import parse

__all__ = [
    "InvalidRules",
    "Rule",
    "Rules",
    "RulesDocument",
    "compile_condition",
    "compile_rules",
    "parse",
]
