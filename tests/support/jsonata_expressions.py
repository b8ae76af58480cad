"""JSONata as Step Functions evaluates it, by jsonata-python.

That package raises the interpreter's recursion limit to 10,000 when it is imported. It is put back: other
tests are about what is nested too deeply.
"""

import sys

_limit = sys.getrecursionlimit()
from jsonata import Jsonata  # noqa: E402 - see above

sys.setrecursionlimit(_limit)

parse = Jsonata.jsonata
