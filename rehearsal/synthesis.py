"""Synthesize the app under cdk-nag and cdk-preflight."""

import json
from pathlib import Path
from typing import Any

from cdk_preflight import Preflight

from app import build_app
from rehearsal.findings import Finding, Templates

REPORT = "validation-report.json"
CONTEXT = {
    "@aws-cdk/core:validationReportJson": True,
    "aws:cdk:disable-asset-staging": True,  # layers are hashed, but not copied again for each combination
}


def synthesize(context: dict[str, Any]) -> tuple[Templates, list[Finding]]:
    """Synthesize the app. Returns (stack -> template, the checks' findings).

    Raises:
        SettingsError: a setting is misspelt or has an invalid value.
        RuntimeError: CDK refuses the app for another reason than a finding.
    """
    app = build_app({**context, **CONTEXT})
    Preflight.apply(app, strict=True)
    assembly = Path(app.outdir)
    refusal = None
    try:
        app.synth()
    except RuntimeError as error:  # jsii raises this for any exception of CDK
        refusal = error
    found = _reported(assembly / REPORT)
    if refusal and not found:
        raise refusal
    templates = {file.name.partition(".")[0]: json.loads(file.read_text()) for file in assembly.glob("*.template.json")}
    return templates, found


def _reported(report: Path) -> list[Finding]:
    if not report.exists():
        return []
    return [
        Finding(
            rule=violation["ruleName"],
            place=construct["constructPath"],
            message=violation["description"],
            fix=violation.get("suggestedFix") or violation.get("ruleMetadata", {}).get("DocumentationUrl", ""),
        )
        for plugin in json.loads(report.read_text())["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    ]
