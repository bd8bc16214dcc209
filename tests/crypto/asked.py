"""Asks the program of answers.c: questions are lists of words, bytes become hexadecimal digits."""
import subprocess


def word(x):
    return (x.hex() or ".") if isinstance(x, (bytes, bytearray)) else str(x)


def ask(program, questions):
    """The answers' words, in the order of the questions."""
    text = "".join(" ".join(word(x) for x in q) + "\n" for q in questions)
    out = subprocess.run([program], input=text, capture_output=True, text=True, check=True).stdout.splitlines()
    if len(out) != len(questions):
        raise SystemExit(f"{len(questions)} questions, {len(out)} answers")
    return [line.split() for line in out]


class Count:
    """Compares, counts, and says at the end how much was compared."""

    def __init__(self):
        self.compared, self.wrong = 0, 0

    def same(self, what, found, expected):
        self.compared += 1
        if found != expected:
            self.wrong += 1
            if self.wrong <= 20:
                print(f"{what}: {found}, expected {expected}")

    def end(self):
        print(f"{self.compared} answers compared, {self.wrong} differ")
        raise SystemExit(1 if self.wrong or not self.compared else 0)
