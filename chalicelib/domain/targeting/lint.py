"""What is allowed but hardly meant."""

from chalicelib.domain.targeting.document import Problem, RulesDocument


def lint(document: RulesDocument) -> list[Problem]:
    """Paths are those of the document as it was written."""
    return []
