"""The system's Lambda functions, as they are deployed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.target import Target

SERVICE_VARIABLE = "POWERTOOLS_SERVICE_NAME"
"""Each of our functions has this environment variable. Its value is the function's name in the deployment."""


class UnknownFunctionError(LookupError):
    """There is no such function. The message names the functions."""


@dataclass(frozen=True)
class Function:
    """A deployed function. `name` is short, such as `ImageRecognition`. `handler` names the module and function."""

    name: str
    physical_name: str
    handler: str
    log_group: str
    variables: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: int = 0
    memory_mb: int = 0

    @classmethod
    def of(cls, configuration: Mapping[str, Any], deployment: str) -> "Function":
        """Read a function from Lambda's description of its configuration."""
        physical_name = configuration["FunctionName"]
        variables = configuration.get("Environment", {}).get("Variables", {})
        return cls(
            variables.get(SERVICE_VARIABLE, physical_name).removeprefix(f"{deployment}-"),
            physical_name,
            configuration.get("Handler", ""),
            configuration.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{physical_name}"),
            variables,
            configuration.get("Timeout", 0),
            configuration.get("MemorySize", 0),
        )

    @property
    def module(self) -> str:
        """The last part of the handler's module, such as `recognize_images`."""
        return self.handler.rpartition(".")[0].rpartition(".")[2]


def deployed_functions(target: Target) -> list[Function]:
    """Return the functions of this repository, without the functions that CDK adds."""
    client = target.client("lambda")
    found = [
        Function.of(client.get_function_configuration(FunctionName=resource["PhysicalResourceId"]), target.deployment)
        for resource in target.stacks.resources("AWS::Lambda::Function")
    ]
    return sorted((each for each in found if SERVICE_VARIABLE in each.variables), key=lambda each: each.name)


def choose_functions(functions: Sequence[Function], wanted: Sequence[str]) -> list[Function]:
    """Return the functions with these names or modules. Without names, return all functions.

    Raises:
        UnknownFunctionError: there is no such function.
    """
    known = {name.casefold() for each in functions for name in (each.name, each.module)}
    for name in wanted:
        if name.casefold() not in known:
            names = ", ".join(each.name for each in functions)
            raise UnknownFunctionError(f"there is no function {name!r}; the functions are {names}")
    folded = {name.casefold() for name in wanted}
    return [each for each in functions if not folded or folded & {each.name.casefold(), each.module.casefold()}]
