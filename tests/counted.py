"""The metrics that each function counts. Tests compare them with the written metrics, alarms and dashboards."""

Kind = tuple[str, ...]
"""A metric's name, and the sorted names of its dimensions without `service`."""

MESSAGES: Kind = ("MessagesFailed",)

COUNTED: dict[str, set[Kind]] = {
    "get_save_image": {("Uploaded",)},
    "read_manifest": {MESSAGES},
    "fetch_images": {MESSAGES, ("Uploaded",)},
    "recognize_images": {
        MESSAGES,
        ("Recognized",),
        ("Failed",),
        ("Failed", "code"),
        ("Calls",),
        ("CacheHits",),
        ("UploadToLabels",),
    },
    "update_index": {MESSAGES},
    "make_renditions": {MESSAGES},
    "enforce_budget": {("MonthlyCalls",), ("MonthlyCost",), ("BudgetExceeded",)},
    "deliver": {MESSAGES, ("DeliveryAttempts", "outcome", "receiver"), ("BreakerOpen", "receiver")},
    "send_email": {MESSAGES},
}
"""The counted metrics of each function, by the module of its handler."""

COUNTED_FOR_ABILITIES: set[Kind] = {("Calls", "ability"), ("Failed", "ability")}
"""Metrics that `recognize_images` counts for enabled abilities as well."""
