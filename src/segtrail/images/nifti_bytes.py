"""The bytes of a NIfTI file: all of them, of an ordinary file, and as many as its header says."""

import io
import stat
import zlib
from pathlib import Path

import nibabel
from isal import igzip, igzip_lib

from segtrail.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_LONGEST_HEADER = 540
# Deflate can't pack more than this into one byte.
_LARGEST_RATIO = 1032
# Some programs pad files; more than this behind the voxels is no padding.
_MOST_SURPLUS_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 20


def read_bytes(path: Path) -> bytes:
    """Read an ordinary file whole.

    Raises:
        InputError: It is missing, can't be read, or is a pipe, device or folder, which might never end.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{path.name} is no ordinary file.")
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path.name} is not there.") from None
    except OSError as error:
        raise InputError(f"{path.name} can't be read: {error.strerror}.") from None


def unpack(raw: bytes, path: Path) -> bytes:
    """Return what a NIfTI file holds: header and voxels, decompressed where its name says so.

    A gzip stream is read to its checksum, but no more of it is kept than the header asks for.

    Args:
        raw: The file's bytes.
        path: The file, for messages.

    Raises:
        InputError: The stream is damaged, or the file holds fewer bytes than its header says, or many more.
    """
    if path.name.endswith(".gz"):
        return _decompress(raw, path)
    if raw[:2] == _GZIP_MAGIC:
        raise InputError(f"{path.name} is packed by gzip; name it {path.name}.gz.")
    wanted = bytes_wanted(raw[:_LONGEST_HEADER])
    if wanted is not None:
        _refuse_other_length(len(raw), wanted, path)
    return raw


def count_values(path: Path) -> int:
    """Return how many values a file's header announces; 0 where it can't be read.

    Args:
        path: A ``.nii`` or ``.nii.gz`` file, of which only the beginning is read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return 0
        with path.open("rb") as stream:
            if path.name.endswith(".gz"):
                with igzip.IGzipFile(fileobj=stream) as unpacked:
                    head = unpacked.read(_LONGEST_HEADER)
            else:
                head = stream.read(_LONGEST_HEADER)
    except (EOFError, OSError, zlib.error, igzip_lib.IsalError):  # type: ignore[misc] # an instance, says isal
        return 0
    header = _header(head)
    return 0 if header is None else _n_values(header)


def bytes_wanted(head: bytes) -> int | None:
    """Return how many bytes a header asks for, itself included; None where it is no NIfTI header."""
    header = _header(head)
    if header is None:
        return None
    offset: int = max(int(header["vox_offset"]), int(header.single_vox_offset))
    return offset + _n_values(header) * int(header.get_data_dtype().itemsize)


def _header(head: bytes) -> nibabel.Nifti1Header | None:
    for kind, size in ((nibabel.Nifti1Header, 348), (nibabel.Nifti2Header, 540)):
        try:
            header = kind(head[:size], check=False)
            if int(header["sizeof_hdr"]) == size and _n_values(header) >= 0:
                header.get_data_dtype()
                return header
        except Exception:  # noqa: S112 (nibabel raises many kinds for bytes that are no header)
            continue
    return None


def _n_values(header: nibabel.Nifti1Header) -> int:
    product = 1
    for size in header.get_data_shape():
        product *= int(size)
    return product


def _decompress(raw: bytes, path: Path) -> bytes:
    try:
        with igzip.IGzipFile(fileobj=io.BytesIO(raw)) as stream:
            head: bytes = stream.read(_LONGEST_HEADER)
            wanted = bytes_wanted(head)
            if wanted is None:
                return head
            if wanted > len(raw) * _LARGEST_RATIO:
                _refuse_other_length(0, wanted, path)
            content: bytes = head + stream.read(max(0, wanted - len(head)))
            surplus = 0
            while chunk := stream.read(_CHUNK_BYTES):
                surplus += len(chunk)
    except (EOFError, OSError, zlib.error, igzip_lib.IsalError) as error:  # type: ignore[misc] # an instance, says isal
        raise InputError(
            f"{path.name} is damaged: its gzip stream is cut off or fails its checksum ({error})."
        ) from None
    _refuse_other_length(len(content) + surplus, wanted, path)
    return content


def _refuse_other_length(found: int, wanted: int, path: Path) -> None:
    if found < wanted:
        raise InputError(f"{path.name} holds fewer voxels than its header says.")
    if found - wanted > _MOST_SURPLUS_BYTES:
        raise InputError(
            f"{path.name} holds {(found - wanted) / 1e6:.0f} MB more than its header says; expected nothing behind "
            "the voxels."
        )
