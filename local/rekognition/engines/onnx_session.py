"""Open networks with onnxruntime, the same way for every engine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

os.environ["ORT_DISABLE_TELEMETRY"] = (
    "1"  # otherwise onnxruntime leaves a file in the temporary folder, and may send telemetry to Microsoft
)
import onnxruntime  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from pathlib import Path


def open_network(file: Path) -> onnxruntime.InferenceSession:
    """Return a session for the network in a file. Many threads may use it at once."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # log only errors, which are also raised
    # The server looks at one picture per core; more threads per picture cost 40 % more CPU in all.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Both options keep the memory of a picture for the next one. This costs 60 MB and saves no time.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    # Numbers next to zero are slow: they took one MobileViT from 38 to 1,034 ms. This rounds them to zero
    # in the thread that makes a process's first session, and in threads started from it afterwards.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
