"""The soak; what it reads records with is where the functions import it from."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / folder / "runtime") for folder in ("common", "recognition")]
