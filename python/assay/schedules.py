"""torch's learning rate schedulers in the words of a job file."""
from __future__ import annotations

from typing import Any, Dict

from .errors import AssayError


def schedule_words(scheduler: Any, optimizer: Any) -> Dict[str, Any]:
    """The job file's `schedule`. A mapping or a text is taken as it is."""
    if isinstance(scheduler, str):
        return {"name": scheduler}
    if isinstance(scheduler, dict):
        return dict(scheduler)
    name = type(scheduler).__name__
    raise AssayError(f"scheduler {name} has no word in a job file; give it in a job file's words, as "
                     f"scheduler={{'name': 'cosine', 'warmup': 100}}")
