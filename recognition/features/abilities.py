"""Describe the enabled abilities in an output of the stack."""

import json

from aws_cdk import CfnOutput, Stack

from common.settings import Settings


def show_abilities(stack: Stack, settings: Settings) -> None:
    """Add an output about the enabled abilities. The commands read it. Without abilities there is no output.

    CloudFormation limits the length of an output, so prefixes are not listed.
    """
    enabled = {
        name: {
            "when": options["when"] if isinstance(options["when"], str) else "prefixes",
            "calls_per_second": options["calls_per_second"],
        }
        for name, options in settings.ability_options.items()
    }
    if enabled:
        CfnOutput(stack, "Abilities", value=json.dumps(enabled), description="The enabled abilities and their rates")
