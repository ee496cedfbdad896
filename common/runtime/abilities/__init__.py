"""The abilities: what Rekognition is asked about a picture besides its labels, one module for each.

A module states the operation, its parameters, its final errors, how its answer is read and what can be searched. The
rest of the system handles all abilities alike. docs/abilities.md describes them.
"""

from common.runtime.abilities.ability import Ability
from common.runtime.abilities.celebrities import CELEBRITIES
from common.runtime.abilities.faces import FACES
from common.runtime.abilities.moderation import MODERATION
from common.runtime.abilities.text import TEXT

ABILITIES: dict[str, Ability] = {each.name: each for each in (TEXT, MODERATION, FACES, CELEBRITIES)}
"""All abilities, by their names in settings, uploads, records and documents."""
