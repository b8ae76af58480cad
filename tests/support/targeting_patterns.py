"""Regular expressions for tests of the engine and of lint."""

CATASTROPHIC_PATTERNS = [
    "(a+)+$",
    "(a|aa)+$",
    "(a|a)*$",
    "(a*)*b",
    "^(a+)*b$",
    "(.*a){20}$",
    "(x+x+)+y",
    r"^(\w+\s?)*$",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(?:a?){100}a{100}$",
    ".*.*.*=.*",
    "[ab]*a[ab]{200}c",
    "((((a*)*)*)*)*b",
    # with backreferences and look-around, which no linear engine supports
    r"(a+)\1+$",
    "(?=(a+)+$)b",
    "(?<!b)(a+)+$",
    r"((a+)+)\2b",
    "(?!.*x.*y.*z)(a*)*b",
    "(a+)+$a",
]

ORDINARY_PATTERNS = [
    r"\w+@\w+\.\w+",
    r"\w+\s+\w+",
    r"(?i).*(iphone|ipad).*os \d+",
    r"^(\w+\s)*\w+$",
    r"^[\w.+-]+@[\w-]+\.[\w.]+$",
    r"\b(beta|test|größe)\b",
    r"(?i)müller|straße|ǆ|ı",
    r"(?a)\w+-\w+\b",
    r"(?a:\w)é|(?u:\w)-",
    r"(a|b$)\s",
    r"(?m)^\w+$\n^\d",
    r"(?s)^a.*z\Z",
    r"^[^\W\d_]+( [^\W\d_]+){1,3}$",
    r"[A-ZÄÖÜ][a-zäöüß]+\B.",
    r"\$?\d+[.,]\d{2}\s*€?",
]
