"""Targeting rules: ``parse`` a document once, ``compile_rules`` it, then ``Rules.match`` contexts.

Versions and operators are specified in docs/targeting.md.
"""

from chalicelib.domain.targeting.compiler import Rules, compile_condition, compile_rules
from chalicelib.domain.targeting.document import InvalidRules, Problem, Rule, RulesDocument
from chalicelib.domain.targeting.parse import parse

Warning_ = Problem
"""What ``lint`` returns: the document is valid, and yet."""


def lint(document: RulesDocument) -> list[Problem]:
    """In document order. Loaded when called: only publishing and validating need it."""
    from chalicelib.domain.targeting.lint_rules import lint_rules

    return lint_rules(document)


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
