"""Runs all checks on a deployment. A check that fails does not stop the others."""

from collections.abc import Callable, Iterator

from botocore.exceptions import BotoCoreError, ClientError

from cli.doctor.alarms import check_alarms
from cli.doctor.apis import check_addresses, check_apis, check_key
from cli.doctor.budget import check_budget
from cli.doctor.deployment import Deployment, MissingResourceError
from cli.doctor.emails import check_emails
from cli.doctor.finding import Finding, State, problem
from cli.doctor.notifications import check_notifications
from cli.doctor.queues import check_dead_letters, check_mappings, check_queues
from cli.doctor.quotas import check_lambda_quota, check_rekognition_quota
from cli.doctor.receivers import check_receivers, check_secrets
from cli.doctor.retries import check_retries
from cli.doctor.stacks import check_stacks
from cli.stacks import names_no_stack
from cli.target import MissingOutputError, Target

CHECKS: dict[str, Callable[[Deployment], Iterator[Finding]]] = {
    "stack": check_stacks,
    "key": check_key,
    "API": check_apis,
    "addresses": check_addresses,
    "bucket": check_notifications,
    "mapping": check_mappings,
    "budget": check_budget,
    "queue": check_queues,
    "retries": check_retries,
    "dead letters": check_dead_letters,
    "Rekognition's quota": check_rekognition_quota,
    "Lambda's quota": check_lambda_quota,
    "receiver": check_receivers,
    "signing secret": check_secrets,
    "e-mail": check_emails,
    "alarm": check_alarms,
}


def examine(target: Target) -> Iterator[tuple[str, Finding]]:
    """Yield the findings of each check with the check's name."""
    deployment = Deployment(target)
    try:
        deployment.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        yield "credentials", problem(f"AWS does not know the caller: {error}", "set AWS_PROFILE or run `aws sso login`")
        return
    for name, check in CHECKS.items():
        try:
            for finding in check(deployment):
                yield name, finding
        except Exception as error:  # noqa: BLE001 - whatever it is, the other checks follow
            yield name, _failed(error)


def _failed(error: Exception) -> Finding:
    text = f"could not be checked: {str(error) or type(error).__name__}"
    if isinstance(error, MissingOutputError | MissingResourceError) or names_no_stack(error):
        return Finding(State.UNCHECKED, text)  # check_stacks reports the missing stack
    return problem(text, "check your permission to read this part, or try again when AWS answers")
