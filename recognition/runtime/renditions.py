"""The forms of a picture that browsers are shown: `{image_id}/{name}` in the renditions' bucket."""

THUMBNAIL = "thumbnail.jpg"
DISPLAY = "display.jpg"
"""Made only of pictures that browsers cannot show."""
