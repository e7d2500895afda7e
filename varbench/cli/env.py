"""`varbench env`: what results here may depend on."""

from __future__ import annotations

import json as json_


def env(json: bool = False) -> int:
    """Show versions, device, flags and commit: what a report's provenance will say.

    Example: varbench env --json

    Args:
        json: Print as JSON.
    """
    from varbench.studies.environment import environment
    from varbench.training.devices import prepare

    prepare()
    content = environment()
    if json:
        print(json_.dumps(content, indent=1))
        return 0
    for part, values in content.items():
        print(part)
        for key, value in values.items():
            print(f"  {key}: {value}")
    return 0
