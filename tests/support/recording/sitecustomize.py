"""With this folder in PYTHONPATH, a process and its children record their AWS calls.

They append to the file that RECORDED_CALLS names: an action and the name of its resource a line.
"""

import os
from pathlib import Path
from typing import Any

from botocore import register_initializer

from tests.support.calls import list_actions

FILE = Path(os.environ["RECORDED_CALLS"])


def _record(**call: Any) -> None:
    model = call["model"]
    calls = list_actions(model.service_model.service_name, model.name, call["params"])
    with FILE.open("a") as file:
        file.writelines(f"{action} {name}\n" for action, name in calls)


register_initializer(lambda session: session.register("provide-client-params", _record))
