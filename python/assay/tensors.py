"""safetensors files: a header of JSON, then the tensors, little endian."""
from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, Dict, Union

import numpy as np

from .errors import AssayError

_KINDS = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1", "U8": "|u1", "BOOL": "|b1"}
_HEADER_MAX = 100 << 20


def read_safetensors(path: Union[str, Path]) -> Dict[str, "np.ndarray[Any, Any]"]:
    """All tensors of a safetensors file by name, as arrays of their shapes (rank 0 included)."""
    try:
        whole = Path(path).read_bytes()
        (header_bytes,) = struct.unpack_from("<Q", whole)
        if header_bytes > min(_HEADER_MAX, len(whole) - 8):
            raise ValueError("its header is longer than the file")
        header = json.loads(whole[8:8 + header_bytes])
        out = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            bytes_ = whole[8 + header_bytes + begin:8 + header_bytes + end]
            out[name] = np.frombuffer(bytes_, _KINDS[entry["dtype"]]).reshape(entry["shape"])
        return out
    except OSError as error:
        raise AssayError(f"{path} cannot be read: {error.strerror}", 3) from error
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise AssayError(f"{path} is no sound safetensors file: {error}") from error
