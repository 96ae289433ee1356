"""Speech whose phonemes are known to the hundredth of a second: made by eSpeak NG and Flite (Debian `espeak-ng`, `flite`).

eSpeak NG speaks many languages and, with its variants, as many voices; Flite's are statistical models of four recorded people. Sound is
mono at 16 kHz.
"""

import ctypes
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from .visemes import ARPABET

SOUND_RATE = 16000
FLITE = ("slt", "rms", "awb", "kal16")
LANGUAGES = {"en-us": "en", "en-gb": "en", "de": "de", "es": "es", "it": "it", "pl": "pl", "ru": "ru", "cs": "cs", "pt-br": "pt"}
VARIANTS = ("", "f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "klatt2", "klatt4", "steph", "belinda", "linda",
            "Andrea", "Alicia", "Denis", "Jacky", "Lee", "Mario", "Michael", "marcelo", "pablo", "quincy", "rob", "max", "edward",
            "aunty")  # fmt: skip

Phonemes = list[tuple[float, float, str]]


class Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h."""

    _fields_ = [
        ("kind", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("phoneme", ctypes.c_char * 8),
    ]


class Espeak:
    """One a process: the library has one state."""

    SYNCHRONOUS, PHONEME_EVENTS, PHONEMES_AS_IPA, PHONEME, UTF8 = 2, 1, 2, 7, 1
    RATE, PITCH, RANGE = 1, 3, 4

    def __init__(self):
        self.library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self.library.espeak_Initialize(self.SYNCHRONOUS, 0, None, self.PHONEME_EVENTS | self.PHONEMES_AS_IPA)
        self.sound, self.events = [], []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))
        self.callback = kind(self.take)
        self.library.espeak_SetSynthCallback(self.callback)

    def take(self, samples, count, events) -> int:
        if samples and count > 0:
            self.sound.append(np.ctypeslib.as_array(samples, (count,)).copy())
        k = 0
        while events[k].kind != 0:
            if events[k].kind == self.PHONEME:
                self.events.append((events[k].milliseconds / 1000, events[k].phoneme.decode("utf-8", "ignore")))
            k += 1
        return 0

    def say(self, text: str, voice: str, rate: int, pitch: int) -> tuple[np.ndarray, Phonemes]:
        """`rate` in words a minute (80..450), `pitch` 0..99."""
        self.sound.clear()
        self.events.clear()
        if self.library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"eSpeak NG has no voice {voice}")
        for parameter, value in ((self.RATE, rate), (self.PITCH, pitch)):
            self.library.espeak_SetParameter(parameter, value, 0)
        data = text.encode()
        self.library.espeak_Synth(data, len(data) + 1, 0, 0, 0, self.UTF8, None, None)
        sound = np.concatenate([*self.sound, np.zeros(1, np.int16)]).astype(np.float32) / 32768
        ends = [begin for begin, _ in self.events[1:]] + [len(sound) / self.rate]
        phonemes = [(begin, end, ipa) for (begin, ipa), end in zip(self.events, ends) if not ipa.startswith("(")]
        return resample(sound, self.rate), phonemes


def flite(text: str, voice: str) -> tuple[np.ndarray, Phonemes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        said = subprocess.run(["flite", "-voice", voice, "-psdur", text, str(path)], capture_output=True, text=True, check=True)
        with wave.open(str(path)) as file:
            rate = file.getframerate()
            sound = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    phonemes, begin = [], 0.0
    for entry in said.stdout.split():
        name, _, end = entry.partition(":")
        phonemes.append((begin, float(end), ARPABET.get(name, name)))
        begin = float(end)
    return resample(sound, rate), phonemes


def resample(sound: np.ndarray, rate: int) -> np.ndarray:
    if rate == SOUND_RATE or len(sound) == 0:
        return sound
    common = np.gcd(rate, SOUND_RATE)
    return resample_poly(sound, SOUND_RATE // common, rate // common).astype(np.float32)
