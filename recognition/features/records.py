"""The records: one for each image."""

from aws_cdk import CfnOutput, Stack

from common.infrastructure.storage import index, table
from common.settings import Settings

NEWEST_INDEX = "newest"


class Records:
    """Adds the table of records to a stack. Its index lists the images that are not deleted, newest first."""

    def __init__(self, stack: Stack, *, settings: Settings) -> None:
        self.table = table(
            stack,
            "Classifications",
            partition_key="image",
            expires=True,
            indexes=[
                index(
                    NEWEST_INDEX,
                    partition_key="listed",
                    sort_key="uploaded_at",
                    attributes=["image_id", "status", "label_names", "failure", "recognized_at"],
                )
            ],
            settings=settings,
        )
        self.index_arn = f"{self.table.table_arn}/index/{NEWEST_INDEX}"
        CfnOutput(
            stack, "ClassificationsTableName", value=self.table.table_name, description="Table with a record per image"
        )
