"""What decodes a file, told by its first bytes: soundfile or PyAV; both give blocks of float32 samples."""

import re

import numpy as np
import soundfile

from emohrnet_tf.audio.pieces import Piece, View
from emohrnet_tf.errors import InputError

RATES = (8000, 192000)  # hertz, lowest and highest
BLOCK = 1 << 20  # frames decoded at a time: a long stereo recording is never whole in memory
KINDS = {
    "soundfile": "WAV, FLAC, AIFF, AU, CAF, W64, Ogg (Vorbis, Opus)",
    "PyAV": "MP3, M4A and AAC, MP4, MOV, 3GP, WebM, Matroska, AMR, WMA, AC-3, AVI",
}
SOUNDFILE = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"fLaC", b"FORM", b".snd", b"caff", b"riff", b"NIST", b"Crea", b"OggS")
# FFmpeg's names of containers that hold one recording. Playlists and scripts, which open other files, are not among
# them.
CONTAINERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,asf_o,au,avi,caf,eac3,flac,flv,gsm,loas,matroska,webm,mov,mp4,m4a,mp3,mpeg,"
    "mpegts,ogg,rm,tta,voc,w64,wav,wv"
)
EXACT = ("mov", "flac")  # containers whose announced length is exact, so that less than it is a file cut short
NOT_AUDIO = (
    "not audio that can be read, or its header is damaged; give WAV, FLAC, OGG, MP3, M4A, WebM or another kind that "
    "`emohrnet info` lists"
)
DAMAGED = "damaged or cut short; copy it again from its source."


def decoder_of(head):
    """The one decision: "soundfile" or "PyAV", by a file's first bytes.

    soundfile reads what it reads well, which is not MP3 (cut by its header, and libmpg123 writes to the terminal);
    PyAV, which has FFmpeg in its wheel, the rest, and what soundfile does not open after all.
    """
    if head[4:8] == b"ftyp" or not head.startswith(SOUNDFILE) or head[8:12] == b"AVI ":
        return "PyAV"
    return "soundfile"


def versions():
    """`{decoder: (version, what it reads)}`."""
    import av

    names = {"soundfile": f"soundfile {soundfile.__version__}", "PyAV": f"PyAV {av.__version__}"}
    return {name: f"{names[name]}: {kinds}" for name, kinds in KINDS.items()}


class _Sound(soundfile.SoundFile):
    """A SoundFile that also reads a FLAC of unknown length, which stops soundfile's seek after each read."""

    def seekable(self):
        return self.frames < 1 << 62 and super().seekable()


class Opened:
    """A piece of a file, opened by the decoder that reads it.

    Args:
        file: open binary file that can seek.
        piece: `pieces.Piece`.
        name: of the file, for messages.

    Attributes:
        rate: hertz; of PyAV the one that it begins with.
        frames: that it has, where that is known without decoding, or None.

    Raises:
        InputError: nothing that either decoder reads, no audio track, a rate that is not supported.
    """

    def __init__(self, file, piece, name):
        self.name, self.file, self.piece, view = name, file, piece, View(file, piece)
        self.sound = self.container = None
        if decoder_of(view.read(12)) == "soundfile":
            view.seek(0)
            try:
                self.sound = _Sound(view)
            except (soundfile.SoundFileError, TypeError):
                self.sound = None
        if self.sound is not None:
            self.rate = self.sound.samplerate
            unknown = piece.frames is None and self.sound.frames >= 1 << 62
            self.frames = piece.frames or (None if unknown else self.sound.frames)
        else:
            view.seek(0)
            self._open_av(view)
        check_rate(self.rate, name)

    def _open_av(self, view):
        import av

        damaged = (av.FFmpegError, ValueError, OverflowError, MemoryError)
        try:
            self.container = av.open(view, options={"format_whitelist": CONTAINERS})
            tracks = self.container.streams.audio
        except damaged as error:
            raise InputError(f"{self.name}: {NOT_AUDIO}.") from error
        if not tracks:
            raise InputError(f"{self.name}: has no audio track; give a recording with sound.")
        # PyAV goes on reading where it left its view: what is looked at here has views of its own
        self.track, context = tracks[0], tracks[0].codec_context
        if context is None or not context.sample_rate:
            reason = "is protected (DRM)" if self._protected() else "is of a codec that is not supported, or damaged"
            raise InputError(f"{self.name}: its audio {reason}; give an unprotected recording.")
        self.rate, self.frames = context.sample_rate, None
        self.announced = None
        if self.container.format.name.split(",")[0] in EXACT and self.track.duration and self.track.time_base:
            self.announced = float(self.track.duration * self.track.time_base)
        elif frames := _xing_frames(View(self.file, self.piece)):
            self.announced = frames * (1152 if self.rate >= 32000 else 576) / self.rate

    def _protected(self):
        ends = _ends(View(self.file, self.piece))
        return any(mark in ends for mark in (b"drms", b"sinf"))

    def blocks(self, seconds=None, first=0):
        """Decode it.

        Args:
            seconds: about the length of a block; None is `BLOCK` frames.
            first: frames to skip at the beginning; of a file whose `frames` are known.

        Yields:
            `(rate, samples)`: hertz, and float32 `(frames, channels)`.

        Raises:
            InputError: damaged, or less in it than its header says.
        """
        count = BLOCK if seconds is None else int(seconds * self.rate)
        yield from self._soundfile_blocks(count, first) if self.sound is not None else self._av_blocks(count)

    def _soundfile_blocks(self, count, first):
        try:
            if first:
                if self.piece.frames:  # in a FLAC that says its length a decoder finds a place
                    self.sound = _Sound(View(self.file, Piece(self.piece.first, self.piece.last)))
                self.sound.seek(first)
            while len(audio := self.sound.read(count, "float32", always_2d=True)):
                yield self.rate, audio
                first += len(audio)
        except soundfile.SoundFileError as error:
            raise InputError(f"{self.name}: {DAMAGED}") from error
        if self.piece.frames and first < self.piece.frames:
            raise InputError(
                f"{self.name}: cut short: {first} of {self.piece.frames} frames can be read; copy it again from its "
                "source."
            )

    def _av_blocks(self, count):
        waiting, held, heard, shape = [], 0, 0.0, None
        for frame in self._av_frames():
            audio = _samples(frame)
            if shape not in (None, (frame.sample_rate, audio.shape[1])) or held >= count:
                yield shape[0], np.concatenate(waiting)
                waiting, held = [], 0
            shape = frame.sample_rate, audio.shape[1]
            check_rate(shape[0], self.name)
            waiting.append(audio)
            held += len(audio)
            heard += len(audio) / shape[0]
        if self.announced and heard < 0.99 * self.announced - 0.1:
            raise InputError(
                f"{self.name}: cut short: {heard:.2f} of {self.announced:.2f} seconds can be read; copy it again from "
                "its source."
            )
        if waiting:
            yield shape[0], np.concatenate(waiting)

    def _av_frames(self):
        """Decoded frames; a packet that cannot be decoded is left out, as players do, unless most are like it."""
        import av

        good = bad = 0
        try:
            for packet in self.container.demux(self.track):
                try:
                    for frame in packet.decode():
                        if frame.samples:
                            good += 1
                            yield frame
                except av.FFmpegError:
                    bad += 1
        except av.FFmpegError as error:  # of the container
            if not good or bad > good or not isinstance(error, av.error.InvalidDataError | av.error.EOFError):
                raise InputError(f"{self.name}: {DAMAGED}") from error
        if bad > good:
            if self._protected():
                raise InputError(f"{self.name}: its audio is protected (DRM); give an unprotected recording.")
            raise InputError(f"{self.name}: {DAMAGED}")

    def close(self):
        for opened in (self.sound, self.container):
            if opened is not None:
                opened.close()


def check_rate(rate, name):
    """InputError for a sample rate that is not supported."""
    if not RATES[0] <= rate <= RATES[1]:
        raise InputError(f"{name}: sample rate outside {RATES[0]} to {RATES[1]} Hz; convert it. Received: {rate!r}")


def _samples(frame):
    """A frame of PyAV -> float32 `(frames, channels)`, full scale 1."""
    audio = frame.to_ndarray()
    if not frame.format.is_planar:
        audio = audio.reshape(-1, len(frame.layout.channels)).T
    if audio.dtype == np.uint8:
        audio = (audio.astype(np.float32) - 128) / 128
    elif audio.dtype.kind == "i":
        audio = (audio / float(1 << (8 * audio.dtype.itemsize - 1))).astype(np.float32)
    with np.errstate(over="ignore"):  # infinite samples are refused later, by name
        return audio.astype(np.float32, copy=False).T


def _ends(view):
    """The first and the last 256 KiB of a file, where MP4 tells of its tracks."""
    view.seek(0)
    head = view.read(1 << 18)
    view.seek(max(0, view.size - (1 << 18)))
    return head + view.read(1 << 18)


def _xing_frames(view):
    """Frames that an MP3's Xing or Info tag announces, or None; without one nothing is announced."""
    view.seek(0)
    head = view.read(1 << 20)
    if not (head.startswith(b"ID3") or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")):
        return None
    tag = re.search(rb"(?:Xing|Info)\0\0\0[\x01-\x0f](.{4})", head, re.DOTALL)
    return int.from_bytes(tag[1], "big") if tag and tag[0][7] & 1 else None
