"""The addresses and resource names of a running embedded cloud."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cli.api_keys import newest_key
from cli.stacks import Stacks
from local.ports import HOST
from local.services import Addresses

Outputs = Mapping[str, Mapping[str, str]]
"""The outputs of each stack, by the stack's name without the deployment in front."""


@dataclass(frozen=True)
class Endpoints:
    """Base URLs and resource names. They are stored in `.local/endpoints.json`."""

    upload: str
    labels: str
    deliveries: str
    api_key: str
    aws: str
    rekognition: str
    partner: str
    photos: str
    bucket: str
    manifests: str
    table: str
    gallery: str = ""
    """Empty with auth=iam, and in files from before the gallery existed."""
    deployment: str = ""
    """The setting `deployment`."""


def read_endpoints(addresses: Addresses, outputs: Outputs, deployment: str) -> Endpoints:
    """Return the endpoints that these outputs of the stacks give."""
    api, recognition = outputs["APIStack"], outputs["RekognitionStack"]
    labels = _local_url(addresses, recognition["LabelsEndpoint"])
    return Endpoints(
        upload=_local_url(addresses, api["UploadEndpoint"]),
        labels=labels,
        deliveries=_local_url(addresses, outputs["IntegrationStack"]["DeliveriesEndpoint"]),
        api_key=newest_key(Stacks(addresses.client, deployment)) or "",  # auth=none and auth=iam have no key
        aws=addresses.aws,
        rekognition=addresses.url("rekognition"),
        partner=f"{addresses.url('partner')}/",
        photos=f"{addresses.url('photos')}/",
        bucket=api["ImageBucketName"],
        manifests=api["ManifestBucketName"],
        table=recognition["ClassificationsTableName"],
        # As on AWS, the page and the APIs that it calls have different origins, so browsers send preflight requests.
        gallery=f"{labels.replace(HOST, 'localhost')}/gallery" if "GalleryAddress" in recognition else "",
        deployment=deployment,
    )


def _local_url(addresses: Addresses, url: str) -> str:
    """Return a REST API's URL in the embedded cloud. `url` is the URL that the API would have on AWS."""
    api_id = (urlsplit(url).hostname or "").partition(".")[0]
    return f"{addresses.aws}/restapis/{api_id}/prod/_user_request_"
