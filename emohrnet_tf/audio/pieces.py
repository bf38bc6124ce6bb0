"""Where the sound of a file really lies: by its bytes, not by the lengths that its headers announce.

Recorders that are killed leave lengths of 0, pipes leave 0xFFFFFFFF, and streamed speech is files joined end to end.
A file becomes pieces that are decoded one after another, each with the lengths put right that a decoder would believe.
"""

import io
import re
import struct
from dataclasses import dataclass, field

from emohrnet_tf.errors import InputError

STREAMED = 0x7FFF0000  # lengths from here on were written by programs that did not know them
COUNTED_ITSELF = 64  # bytes that a length may lie beyond the file's end: a header that counted itself, or a lost sample
WAV_TAGS = (b"RIFF", b"RIFX", b"RF64", b"BW64")
WAV_START = re.compile(rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE(?=fmt |ds64|JUNK|bext)", re.DOTALL)
FLAC_START = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
OGG_PAGE = re.compile(rb"OggS\x00")
W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")
TRAILERS = (b"ID3", b"TAG", b"APETAGEX", b"LIST")


@dataclass
class Piece:
    """One file among those that are joined in a file.

    Args:
        first, last: its bytes, `last` exclusive.
        patches: `{position in the file: bytes}` that a decoder is to see in place of the file's own.
        frames: that its header announces, where they must be there for it to be whole; or None.
    """

    first: int
    last: int
    patches: dict = field(default_factory=dict)
    frames: int | None = None


class View(io.RawIOBase):
    """A piece as a file of its own. Nothing here raises: an exception in a decoder's callback is printed, not caught.

    Args:
        file: open binary file that can seek.
        piece: `Piece`.
    """

    def __init__(self, file, piece):
        self._file, self._piece, self._at, self.size = file, piece, 0, piece.last - piece.first

    def seek(self, offset, whence=io.SEEK_SET):
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}.get(whence, 0))
        return self._at

    def tell(self):
        return self._at

    def seekable(self):
        return True

    def readable(self):
        return True

    def read(self, count=-1):
        left = max(0, self.size - self._at)
        begin = self._piece.first + self._at
        try:
            self._file.seek(begin)
            data = self._file.read(left if count is None or count < 0 else min(count, left))
        except (OSError, ValueError, OverflowError):
            data = b""
        for position, patch in self._piece.patches.items():
            if begin - len(patch) < position < begin + len(data):
                changed, at = bytearray(data), position - begin
                changed[max(at, 0) : at + len(patch)] = patch[max(-at, 0) : max(-at, 0) + len(data) - max(at, 0)]
                data = bytes(changed)
        self._at += len(data)
        return data

    def readinto(self, buffer):
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def find_pieces(file, name):
    """The pieces of an open binary file that can seek, one or more, in order.

    Raises:
        InputError: grossly cut short: a length that lies more than 64 bytes (and more than the header before the
            samples) beyond the end of the file, and is not one that means "unknown".
    """
    size = file.seek(0, io.SEEK_END)
    head = _read(file, 0, 40)
    if head[:4] in WAV_TAGS and head[8:12] == b"WAVE":
        return _joined(_wav, file, name, size)
    if head[:4] == b"fLaC":
        return _flacs(file, size)
    if head[:4] == b"OggS":
        return _oggs(file, size)
    if head[:4] == b".snd" and len(head) >= 24:
        return _joined(_sun, file, name, size)
    if head[:4] == b"FORM" and head[8:11] == b"AIF":
        return _joined(_chunked, file, name, size, 12, b"SSND", ">I")
    if head[:4] == b"caff":
        return _joined(_chunked, file, name, size, 8, b"data", ">Q")
    if head[:16] == W64_RIFF:
        return _joined(_chunked, file, name, size, 40, W64_DATA, "<Q")
    if head[4:8] == b"ftyp":
        return _mp4s(file, size)
    return [Piece(0, size)]


def _read(file, position, count):
    file.seek(position)
    return file.read(count)


def _find_all(pattern, file, first, last):
    """Positions of a pattern of at most 32 bytes in `file[first:last]`, read block by block."""
    found, step = [], 1 << 20
    for begin in range(first, last, step):
        block = _read(file, begin, min(step + 32, last - begin))
        found += [begin + match.start() for match in pattern.finditer(block) if match.start() < step]
    return found


def _end(file, name, start, promised, size, followed, unknown=0xFFFFFFFF):
    """Where samples from `start` on end, by the length promised and the bytes that are there.

    Args:
        followed: function of the promised end: whether something known follows there.
        unknown: the length that says so.
    """
    held = size - start
    if promised == held:
        return size
    if promised > held:
        known = promised < (STREAMED if unknown == 0xFFFFFFFF else 1 << 62)
        if known and promised - held > max(COUNTED_ITSELF, start):
            raise InputError(
                f"{name}: cut short: its header promises {promised - held} bytes more than it holds; copy it again."
            )
        return size
    end = start + promised
    rest = _read(file, end, 1 << 16)
    if followed(end) or rest.startswith(TRAILERS) or (promised and not rest.strip(b"\0")):
        return end
    return size  # the header was written before the recording ended


def _is_chunk(file, position, size, form="<I"):
    """Whether a chunk lies at a position: a printable name and a length within the file; or nothing is left."""
    if size - position < 8:
        return size - position <= 1
    head = _read(file, position, 4 + struct.calcsize(form))
    if len(head) < 4 + struct.calcsize(form) or not all(32 <= byte < 127 for byte in head[:4]):
        return False
    return struct.unpack(form, head[4:])[0] <= size - position - 8


def _joined(one, file, name, size, *more):
    """All files that are joined in a file, where `one` gives the `Piece` that begins somewhere, and the next begin."""
    pieces, begin = [], 0
    while begin is not None:
        piece, begin = one(file, name, size, begin, *more)
        pieces.append(piece)
    return pieces


def _wav(file, name, size, begin):
    """A WAV that begins at a position -> its `Piece`, and where the next one begins, or None."""
    order = ">" if _read(file, begin, 4) == b"RIFX" else "<"
    position, long = begin + 12, None  # long: where RF64 has its 64-bit length of the data
    while position + 8 <= size:
        kind, promised = struct.unpack(f"{order}4sI", _read(file, position, 8))
        start = position + 8
        if kind == b"ds64" and position + 24 <= size:
            long = start + 8
        if kind != b"data":
            position = start + promised + promised % 2
            continue
        if long and promised == 0xFFFFFFFF:
            promised = struct.unpack("<Q", _read(file, long, 8))[0]
            promised = 0xFFFFFFFF if promised >= 1 << 62 else promised

        def followed(end, odd=promised % 2):
            return any(_is_wav(file, at) or _is_chunk(file, at, size, order + "I") for at in (end, end + odd))

        end = _end(file, name, start, promised, size, followed)
        following = None
        if end - start == promised:
            following = _next_wav(file, end, size, order)
        elif others := _find_all(WAV_START, file, start, size):
            following = end = others[0]
        length = min(end - start, 0xFFFFFFFF)
        patches = {begin + 4: struct.pack(order + "I", min(end - begin - 8, 0xFFFFFFFF))}
        patches[position + 4] = struct.pack(order + "I", length)
        if long:
            patches[long], patches[position + 4] = struct.pack("<Q", end - start), b"\xff\xff\xff\xff"
        return Piece(begin, end, patches), following
    return Piece(begin, size), None


def _is_wav(file, position):
    head = _read(file, position, 12)
    return head[:4] in WAV_TAGS and head[8:] == b"WAVE"


def _next_wav(file, position, size, order):
    """Where a WAV begins that follows, behind further chunks, or None."""
    while position + 12 <= size:
        if _is_wav(file, position):
            return position
        if _is_wav(file, position + 1):
            return position + 1
        if not _is_chunk(file, position, size, order + "I"):
            return None
        length = struct.unpack(order + "I", _read(file, position + 4, 4))[0]
        position += 8 + length + length % 2
    return None


def _chunked(file, name, size, begin, chunks, wanted, form):
    """An AIFF, CAF or W64 with the length of the chunk that holds the samples put right, as `_wav` gives a WAV.

    Args:
        chunks: bytes before the first chunk.
        wanted, form: name of that chunk, and how lengths are written.
    """
    wide, length = len(wanted), struct.calcsize(form)
    magic, head, position = _read(file, begin, wide), wide + length, begin + chunks
    inclusive, align = (head, 8) if wide == 16 else (0, 2 if wanted == b"SSND" else 1)
    while position + head <= size:
        fields = _read(file, position, head)
        promised = max(0, struct.unpack(form, fields[wide:])[0] - inclusive)
        start = position + head
        if fields[:wide] == wanted:
            unknown = 0xFFFFFFFF if form == ">I" else (1 << 64) - 1

            def after(end, start=start):
                return start + -(-(end - start) // align) * align

            def followed(end, start=start):
                more = _read(file, after(end), wide) == magic or (wide < 16 and _is_chunk(file, after(end), size, form))
                return more or (wide == 16 and end > start)

            end = _end(file, name, start, promised, size, followed, unknown)
            patches = {position + wide: struct.pack(form, end - start + inclusive)}
            position = after(end)
            while _read(file, position, wide) != magic:  # further chunks may lie before the next file
                if size - position < head or wide == 16 or not _is_chunk(file, position, size, form):
                    return Piece(begin, size, patches), None
                position = after(position + head + struct.unpack(form, _read(file, position + wide, length))[0])
            return Piece(begin, position, patches), position
        position = start + -(-promised // align) * align
    return Piece(begin, size), None


def _sun(file, name, size, begin):
    """An AU, as `_wav` gives a WAV."""
    start, promised = struct.unpack(">II", _read(file, begin + 4, 8))
    if begin + start > size:
        return Piece(begin, size), None
    another = lambda end: _read(file, end, 4) == b".snd" and size - end >= 24  # noqa: E731
    end = _end(file, name, begin + start, promised, size, another)
    patches = {begin + 8: struct.pack(">I", min(end - begin - start, 0xFFFFFFFF))}
    following = end if another(end) else None
    return Piece(begin, following or size, patches), following


def _mp4s(file, size):
    """MP4 and its kin, also joined: each begins with a box `ftyp`."""
    begins, position = [0], 0
    while position + 16 <= size:
        length, kind, long = struct.unpack(">I4sQ", _read(file, position, 16))
        if kind == b"ftyp" and position:
            begins.append(position)
        length = long if length == 1 else length
        if length < 8:  # 0: to the end of the file
            break
        position += length
    return [Piece(begin, end) for begin, end in zip(begins, [*begins[1:], size])]


def _flacs(file, size):
    """FLACs, also joined. Each is read to its end, as one that does not say its length."""
    begins = sorted({0, *_find_all(FLAC_START, file, 0, size)})
    pieces = []
    for begin, end in zip(begins, [*begins[1:], size]):
        info = _read(file, begin, 26)
        if len(info) < 26:
            pieces.append(Piece(begin, end))
            continue
        frames = (info[21] & 15) << 32 | int.from_bytes(info[22:26], "big")
        pieces.append(Piece(begin, end, {begin + 21: bytes([info[21] & 0xF0]) + bytes(4)}, frames or None))
    return pieces


def _oggs(file, size):
    """Ogg files, also chained: a chain begins with the first page of a stream that follows pages of other kinds."""
    begins, position, first_page = [0], 0, True
    while position + 27 <= size:
        head = _read(file, position, 27 + 255)
        if head[:4] != b"OggS":  # a tag, or damage: on to the next page
            position = next(iter(_find_all(OGG_PAGE, file, position + 1, size)), size)
            continue
        starts = bool(head[5] & 2)
        if starts and not first_page:
            begins.append(position)
        first_page = starts
        segments = head[26]
        position += 27 + segments + sum(head[27 : 27 + segments])
    return [Piece(begin, end) for begin, end in zip(begins, [*begins[1:], size])]
