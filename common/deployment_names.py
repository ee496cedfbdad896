"""The names of a deployment's resources in its account. Settings and CLI share them.

The CLI imports this module without common/settings.py, because importing pydantic takes longer than an API call.
"""

DEPLOYMENT_TAG = "sightline:deployment"
"""The tag of every stack. Its value is the deployment's name."""

DEFAULT_DEPLOYMENT = "default"
"""The value of the tag for a deployment without a name. Messages use this value too."""

THIRDPARTY = "thirdparty"
"""The name of the receiver that every deployment has."""


def named(deployment: str, name: str) -> str:
    """Return the name of a stack, an API or a service in a deployment."""
    return f"{deployment}-{name}" if deployment else name


def tags(deployment: str) -> dict[str, str]:
    """Return the tags of a deployment's stacks. `make deploy` and the commands recognise the deployment by them."""
    return {DEPLOYMENT_TAG: deployment or DEFAULT_DEPLOYMENT}
