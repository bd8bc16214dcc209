"""What goes wrong, in words for the person who called."""


class AssayError(Exception):
    """Something cannot be done; the text says what, where, and what to do instead.

    `status` is the program's exit status where it was the program that said so: 1 the answer is no (a run that
    diverged, a node that does not lower), 2 bad input, 3 disk, memory or a program that cannot be found."""

    def __init__(self, text: str, status: int = 2) -> None:
        super().__init__(text)
        self.status = status
