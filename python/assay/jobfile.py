"""Job files: a mapping of plain values, written as YAML. Every key: docs/job.md."""
from __future__ import annotations

import json
import math
from typing import Any, Mapping, Union

from .errors import AssayError

Value = Union[None, bool, int, float, str, "list[Any]", "dict[str, Any]"]


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise AssayError(f"a job file holds no {value}")
        return repr(value)
    if isinstance(value, str):
        plain = value.replace("_", "").replace("-", "").replace(".", "").replace("/", "")
        # A word that YAML would read as something else, and anything unusual, goes into quotes: JSON's are YAML's.
        if plain.isascii() and plain.isalnum() and value[0] not in "-." and value not in ("true", "false", "null", "yes", "no"):
            return value
        return json.dumps(value, ensure_ascii=False)
    raise AssayError(f"a job file holds no {type(value).__name__}")


def flow(value: Any) -> str:
    """The value in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {flow(item)}" for key, item in value.items() if item is not None) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return _scalar(value)


def job_text(job: Mapping[str, Any]) -> str:
    """The job as YAML: one key a line, what is below in one line each. Keys whose value is None are left out."""
    lines = []
    for key, value in job.items():
        if value is None:
            continue
        if key == "data":
            lines.append("data:")
            lines += [f"  {name}: {flow(item)}" for name, item in value.items() if item is not None]
        else:
            lines.append(f"{key}: {flow(value)}")
    return "\n".join(lines) + "\n"
