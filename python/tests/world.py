"""A small world for the tests: data that can be learned, and a place for the runs."""
import numpy as np


def points(samples=512, seed=1):
    """Ten numbers a sample; the class says which of the first three is largest."""
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((samples, 10)).astype(np.float32)
    return x, x[:, :3].argmax(1).astype(np.int64)


def refused(call, *words):
    """Calls and gives the text of the refusal, in which each word stands."""
    import assay
    try:
        call()
    except assay.AssayError as error:
        text = str(error)
        for word in words:
            assert word in text, f"'{word}' is not in: {text}"
        return text
    raise AssertionError(f"not refused, wanted: {', '.join(words)}")
