"""The abilities: further analyses of a picture by Rekognition, in addition to its labels. Each ability has one module.

A module states the operation, the parameters and the final errors. It also states how the answer is read and which
terms can be searched. The rest of the system handles all abilities alike. docs/abilities.md describes them.
"""

from common.runtime.abilities.ability import Ability
from common.runtime.abilities.celebrities import CELEBRITIES
from common.runtime.abilities.faces import FACES
from common.runtime.abilities.moderation import MODERATION
from common.runtime.abilities.text import TEXT

ABILITIES: dict[str, Ability] = {each.name: each for each in (TEXT, MODERATION, FACES, CELEBRITIES)}
"""All abilities, by their names in settings, uploads, records and documents."""
