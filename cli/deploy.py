"""`python -m cli.deploy bootstrap|deploy|destroy`: shows the destination, checks the stacks there, runs the CDK CLI.

`make bootstrap`, `make deploy` and `make destroy` call this module.
"""

import os
import sys
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from cli import account
from cli.account import AccountError
from cli.checkout import CDK_JSON
from cli.deployed_settings import settings_in_force
from cli.stacks import STACKS, ForeignStackError, Stacks
from common.deployment_names import DEFAULT_DEPLOYMENT
from common.setting_types import SettingsError

OPTIONS = {"bootstrap": [], "deploy": ["--all"], "destroy": ["--all"]}


def main(command: str) -> NoReturn:
    """Run the CDK CLI for exactly the account, Region and deployment that are printed first.

    Ends with one line if a setting is not valid, AWS cannot be called, or a stack there is not this deployment's.
    """
    try:
        # Read all settings now, so that a misspelt one is reported now and not after a minute.
        settings = settings_in_force(CDK_JSON, [])
        region, source = account.region(settings.region)
        number = account.caller()
        print(f"account     {number}{_endpoint()}")
        print(f"Region      {region} ({source})")
        print(f"deployment  {settings.deployment or DEFAULT_DEPLOYMENT}")
        if command != "bootstrap":
            stacks = Stacks(account.session().client, settings.deployment)
            for stack in STACKS:
                found = stacks.describe(stack)
                print(f"stack       {stacks.name(stack)}: {found['StackStatus'] if found else 'not deployed'}")
        environment = _environment(region)
    except (BotoCoreError, ClientError, AccountError, ForeignStackError, SettingsError) as error:
        sys.exit(f"✗ {account.explain(error)}")
    arguments = [*OPTIONS[command], "--no-notices"]
    if command == "bootstrap":
        arguments.append(f"aws://{number}/{region}")
        os.chdir("/")  # next to a cdk.json, the CDK CLI would needlessly synthesize the app
    else:  # these values apply even if something else sets a context
        arguments += ["-c", f"deployment={settings.deployment}", "-c", f"region={region}"]
    print(flush=True)
    os.execvpe("cdk", ["cdk", command, *arguments], environment)  # noqa: S606, S607 - make puts it on the PATH


def _endpoint() -> str:
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    return f" at {endpoint}" if endpoint else ""


def _environment(region: str) -> dict[str, str]:
    """Return the CDK CLI's environment. It sets the Region and credentials, so the CLI uses no other ones."""
    kept = {name: value for name, value in os.environ.items() if name not in account.PROFILE_VARIABLES}
    credentials = account.session().get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    given = {
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
    }
    return {name: value for name, value in {**kept, **given}.items() if value is not None}


if __name__ == "__main__":
    main(sys.argv[1])
