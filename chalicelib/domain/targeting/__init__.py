"""Targeting rules: ``parse`` a document once, ``compile_rules`` it, then ``Rules.match`` contexts.

Versions and operators are specified in docs/targeting.md.
"""

from chalicelib.domain.targeting.compiler import Rules, compile_condition, compile_rules
from chalicelib.domain.targeting.document import InvalidRules, Problem, Rule, RulesDocument
from chalicelib.domain.targeting.lint import lint
from chalicelib.domain.targeting.parse import parse

Warning_ = Problem
"""What ``lint`` returns: the document is valid, and yet."""

__all__ = [
    "InvalidRules",
    "Problem",
    "Rule",
    "Rules",
    "RulesDocument",
    "Warning_",
    "compile_condition",
    "compile_rules",
    "lint",
    "parse",
]
