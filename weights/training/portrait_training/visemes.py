"""What a mouth does while a phoneme is spoken, and how one phoneme goes over into the next.

Three numbers: how far the lips part in the middle, how much wider apart the corners are than at rest (both in distances of the outer
eye corners), and how far the lips are shut whatever they do at rest (0..1; m, b and p). Openings and widths were set by what the
mouths of the training clips do (`lips.py`: half of a talking clip's frames have lips that part by 0.10, a tenth by 0.19 or more).
"""

import numpy as np

RATE = 50  # curves have this many values a second

VOWELS = {
    "i": (0.07, 0.05), "ɪ": (0.09, 0.03), "e": (0.11, 0.04), "ɛ": (0.14, 0.02), "æ": (0.19, 0.03), "a": (0.20, 0.00), "ɐ": (0.15, 0.00),
    "ɑ": (0.20, -0.02), "ʌ": (0.14, 0.00), "ə": (0.09, 0.00), "ɘ": (0.09, 0.00), "ɜ": (0.10, -0.02), "ɚ": (0.08, -0.04), "ɝ": (0.09, -0.04),
    "ɔ": (0.16, -0.07), "ɒ": (0.18, -0.04), "o": (0.11, -0.08), "ɤ": (0.10, 0.00), "ʊ": (0.08, -0.06), "u": (0.06, -0.10), "ɯ": (0.07, 0.02),
    "y": (0.06, -0.08), "ʏ": (0.08, -0.06), "ø": (0.09, -0.07), "œ": (0.12, -0.06), "ɨ": (0.08, 0.02), "ʉ": (0.06, -0.08),
}  # fmt: skip
CONSONANTS = {
    "m": (0.0, 0.0, 1.0), "b": (0.0, 0.0, 1.0), "p": (0.0, 0.0, 1.0), "f": (0.015, 0.02, 0.6), "v": (0.02, 0.02, 0.6), "β": (0.02, 0.0, 0.6),
    "w": (0.03, -0.11, 0.0), "ʍ": (0.03, -0.11, 0.0), "ɥ": (0.03, -0.10, 0.0), "j": (0.06, 0.03, 0.0), "ʋ": (0.03, 0.0, 0.4),
    "ʃ": (0.06, -0.06, 0.0), "ʒ": (0.06, -0.06, 0.0), "ɕ": (0.05, -0.02, 0.0), "ʑ": (0.05, -0.02, 0.0), "ʂ": (0.05, -0.05, 0.0),
    "ʐ": (0.05, -0.05, 0.0), "s": (0.04, 0.03, 0.0), "z": (0.04, 0.03, 0.0), "θ": (0.07, 0.01, 0.0), "ð": (0.07, 0.01, 0.0),
    "ɹ": (0.06, -0.05, 0.0), "ɻ": (0.06, -0.05, 0.0), "r": (0.08, 0.0, 0.0), "ɾ": (0.07, 0.0, 0.0), "ʀ": (0.09, 0.0, 0.0), "ʁ": (0.09, 0.0, 0.0),
    "t": (0.05, 0.01, 0.0), "d": (0.05, 0.01, 0.0), "n": (0.06, 0.01, 0.0), "l": (0.08, 0.0, 0.0), "ɫ": (0.08, 0.0, 0.0), "ɬ": (0.07, 0.0, 0.0),
    "ʎ": (0.07, 0.02, 0.0), "ɲ": (0.06, 0.02, 0.0), "ŋ": (0.08, 0.0, 0.0), "ɳ": (0.06, 0.0, 0.0), "k": (0.08, 0.0, 0.0), "ɡ": (0.08, 0.0, 0.0),
    "g": (0.08, 0.0, 0.0), "c": (0.06, 0.02, 0.0), "ɟ": (0.06, 0.02, 0.0), "q": (0.09, 0.0, 0.0), "x": (0.08, 0.0, 0.0), "χ": (0.08, 0.0, 0.0),
    "ɣ": (0.08, 0.0, 0.0), "ç": (0.06, 0.03, 0.0), "h": (0.08, 0.0, 0.0), "ɦ": (0.08, 0.0, 0.0), "ʔ": (0.06, 0.0, 0.0), "ʈ": (0.05, 0.0, 0.0),
    "ɖ": (0.05, 0.0, 0.0), "ɭ": (0.08, 0.0, 0.0), "ɽ": (0.07, 0.0, 0.0),
}  # fmt: skip
SPOKEN = {letter: (*shape, 0.0) for letter, shape in VOWELS.items()} | CONSONANTS
ARPABET = dict(
    aa="ɑ", ae="æ", ah="ʌ", ao="ɔ", aw="aʊ", ax="ə", axr="ɚ", ay="aɪ", b="b", ch="tʃ", d="d", dh="ð", dx="ɾ", eh="ɛ", el="əl", em="m",
    en="n", er="ɚ", ey="eɪ", f="f", g="ɡ", hh="h", hv="h", ih="ɪ", iy="i", jh="dʒ", k="k", l="l", m="m", n="n", nx="n", ng="ŋ", ow="oʊ",
    oy="ɔɪ", p="p", r="ɹ", s="s", sh="ʃ", t="t", th="θ", uh="ʊ", uw="u", v="v", w="w", y="j", z="z", zh="ʒ", pau="", h="h", brth="",
)  # fmt: skip


def shapes(phoneme: str) -> list[tuple[float, float, float]]:
    """The mouth's shapes in turn: two for a diphthong or an affricate. Silence is the mouth at rest."""
    return [SPOKEN[letter] for letter in phoneme if letter in SPOKEN] or [(0.0, 0.0, 0.0)]


def smooth(curve: np.ndarray, seconds: float, rate: int) -> np.ndarray:
    """A Gaussian of this standard deviation; ends are held."""
    reach = int(np.ceil(3 * seconds * rate))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (seconds * rate)) ** 2)
    return np.convolve(np.pad(curve, reach, mode="edge"), kernel / kernel.sum(), "valid")


def curves(phonemes: list[tuple[float, float, str]], seconds: float) -> np.ndarray:
    """(steps, 3) at `RATE` of phonemes given as (begin, end, IPA). Lips begin to round long before they are heard to, part and meet
    in about 60 ms, and are quite shut for some of m, b and p."""
    fine = 500
    steps = np.zeros((int(np.ceil(seconds * fine)) + 1, 3))
    for begin, end, phoneme in phonemes:
        parts = shapes(phoneme)
        for k, shape in enumerate(parts):
            a, b = (begin + (end - begin) * (k + part) / len(parts) for part in (0, 1))
            steps[int(a * fine) : int(b * fine)] = shape
    opening, width, shut = steps.T
    # Lips that are to shut have a long way: what is said before and after must not hold them open.
    shut = np.clip(1.3 * smooth(shut, 0.022, fine), 0, 1)
    opening = smooth(opening, 0.035, fine) * (1 - shut)
    out = np.stack([opening, smooth(width, 0.06, fine), shut], 1)
    return out[:: fine // RATE].astype(np.float32)
