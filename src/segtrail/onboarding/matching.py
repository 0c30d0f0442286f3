"""Pairs of image and label by name; what is not clear is listed, never guessed."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from segtrail.onboarding.roles import NamedFile, roles_by_folder, roles_by_name
from segtrail.onboarding.words import Role, is_part_of_study, tokens_of

Key = Hashable | None
KeyOf = Callable[[NamedFile], Key]


@dataclass(frozen=True)
class Pair:
    """One case: its image files, in the order of their channels, and its label.

    Attributes:
        names: Names for the case, the best first; which one is taken depends on the other cases.
        group: The subject that the path names in the manner of BIDS.
        folders: Folders of the image without those that say what lies in them.
    """

    images: tuple[PurePosixPath, ...]
    label: PurePosixPath
    names: tuple[str, ...]
    group: str | None = None
    folders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ambiguity:
    """Files that belong together by their names, but not one image to one label."""

    images: tuple[PurePosixPath, ...]
    labels: tuple[PurePosixPath, ...]


@dataclass(frozen=True)
class Matching:
    """What the names of a folder's files say.

    Attributes:
        pairs: One for each case, sorted by image.
        ambiguities: Files that have to be told apart by a person.
        images_alone: Images without a label.
        labels_alone: Labels without an image.
        test_images: Images of a folder such as imagesTs.
    """

    pairs: list[Pair]
    ambiguities: list[Ambiguity]
    images_alone: list[PurePosixPath]
    labels_alone: list[PurePosixPath]
    test_images: list[PurePosixPath]


def match_by_name(
    files: Sequence[PurePosixPath],
    images: str | None = None,
    labels: str | None = None,
    channels: Sequence[str] = (),
) -> Matching:
    """Match images with labels by the names of files and folders.

    Roles are tried by folder first, then by file name alone; the way that brings more files together is taken.

    Args:
        files: Paths relative to the data set's folder.
        images: A pattern that names the images, or None.
        labels: A pattern that names the labels, or None.
        channels: Names of the channels; where several images belong to one label, those whose names end so.

    Returns:
        The pairs, sorted by image, and what was left.
    """
    ways = [roles(files, images, labels) for roles in (roles_by_folder, roles_by_name)]
    results = [_Matcher(named, channels).match() for named in ways]
    return max(results, key=lambda found: len(found.pairs) + len(found.ambiguities))


class _Matcher:
    """Pairs files pass by pass, from the clearest likeness of names to the weakest."""

    def __init__(self, named: Sequence[NamedFile], channels: Sequence[str]) -> None:
        self._images = [file for file in named if file.role == "image"]
        self._labels = [file for file in named if file.role == "label"]
        self._test_images = [file.path for file in named if file.role == "test image"]
        self._channels = [tokens_of(channel) for channel in channels]
        self._pairs: list[_PairedFiles] = []
        self._ambiguities: list[Ambiguity] = []
        self._settled: set[PurePosixPath] = set()

    def match(self) -> Matching:
        """Go through all passes."""
        for image_key, label_key in _PASSES:
            self._pair_equal(image_key, label_key)
        self._pair_in_folders()
        for image_key, label_key in _LOOSE_PASSES:
            self._pair_equal(image_key, label_key)
        for with_context in (True, False):
            self._pair_beginnings(self._images, self._labels, with_context)
            self._pair_beginnings(self._labels, self._images, with_context)
        self._pair_alone_in_context()
        self._find_rivals()
        return Matching(
            pairs=sorted((_pair(files) for files in self._pairs), key=lambda pair: pair.images),
            ambiguities=sorted(self._ambiguities, key=lambda ambiguity: ambiguity.images),
            images_alone=[file.path for file in self._images],
            labels_alone=[file.path for file in self._labels],
            test_images=self._test_images,
        )

    def _pair_equal(self, image_key: KeyOf, label_key: KeyOf) -> None:
        images, labels = _by_key(self._images, image_key), _by_key(self._labels, label_key)
        for key in images.keys() & labels.keys():
            self._settle(images[key], labels[key])
        self._take_out_settled()

    def _pair_in_folders(self) -> None:
        """Pair the one image and label of a folder where the name of one says no more than image or label."""
        images = _by_key(self._images, lambda file: file.path.parent)
        labels = _by_key(self._labels, lambda file: file.path.parent)
        for folder in images.keys() & labels.keys():
            only_label = len(labels[folder]) == 1
            plain_labels = all(not file.bare for file in labels[folder])
            plain_image = len(images[folder]) == 1 and not images[folder][0].bare
            if plain_labels or (plain_image and only_label):
                self._settle(images[folder], labels[folder])
        self._take_out_settled()

    def _pair_alone_in_context(self) -> None:
        """Pair the one image of a patient's folder with its label, whatever their names: ``P/ct``, ``P/seg/liver``.

        Several labels for the image are an ambiguity. A folder where other files were paired is left alone.
        """
        images: dict[tuple[str, ...], list[NamedFile]] = defaultdict(list)
        labels: dict[tuple[str, ...], list[NamedFile]] = defaultdict(list)
        for files, by_context in ((self._images, images), (self._labels, labels)):
            for file in files:
                by_context[file.context].append(file)
        others = {file.context for pair in self._pairs for file in pair.all_files}
        for context in (images.keys() & labels.keys()) - others - {()}:
            if len(images[context]) == 1 and not is_part_of_study(context[-1]):
                self._settle(images[context], labels[context])
        self._take_out_settled()

    def _pair_beginnings(self, longer: list[NamedFile], shorter: list[NamedFile], with_context: bool) -> None:
        """Pair where the words of one name begin the other: ``CASE_t1`` with ``CASE``; the longest counts."""
        known = _by_key(shorter, lambda file: _words(file, with_context))
        groups: dict[Key, list[NamedFile]] = defaultdict(list)
        for file in longer:
            key = _longest_beginning(file, with_context, known)
            if key is not None:
                groups[key].append(file)
        for key, members in groups.items():
            if longer is self._images:
                self._settle(members, known[key])
            else:
                self._settle(known[key], members)
        self._take_out_settled()

    def _settle(self, images: list[NamedFile], labels: list[NamedFile]) -> None:
        """Take files that belong together as a case where they are clear, and as an ambiguity where not."""
        chosen = images if len(images) == 1 else self._as_channels(images)
        if len(labels) == 1 and chosen:
            self._pairs.append(_PairedFiles(tuple(chosen), labels[0]))
        else:
            self._ambiguities.append(Ambiguity(_paths(images), _paths(labels)))
        self._settled.update(_paths(images), _paths(labels))

    def _as_channels(self, images: list[NamedFile]) -> list[NamedFile]:
        """Order images by the names of the channels; nothing where one is missing or there twice."""
        chosen = []
        for channel in self._channels:
            fitting = [file for file in images if tokens_of(file.stem)[-len(channel) :] == channel]
            if len(fitting) != 1:
                return []
            chosen += fitting
        return chosen

    def _take_out_settled(self) -> None:
        for files in (self._images, self._labels):
            files[:] = [file for file in files if file.path not in self._settled]

    def _find_rivals(self) -> None:
        """List what was left over although its name is that of a paired file but for image and label words."""
        extra: dict[_PairedFiles, list[NamedFile]] = defaultdict(list)
        by_name = {
            (file.role, _bare_in_context(file)): pair for pair in self._pairs for file in pair.all_files
        }
        for file in (*self._images, *self._labels):
            other_role: Role = "label" if file.role == "image" else "image"
            if (pair := by_name.get((other_role, _bare_in_context(file)))) is not None:
                extra[pair].append(file)
        for pair, rivals in extra.items():
            files = [*pair.all_files, *rivals]
            images = [file for file in files if file.role == "image"]
            self._ambiguities.append(
                Ambiguity(_paths(images), _paths([file for file in files if file.role == "label"]))
            )
            self._settled.update(_paths(files))
        self._pairs = [pair for pair in self._pairs if pair not in extra]
        self._take_out_settled()


@dataclass(frozen=True)
class _PairedFiles:
    images: tuple[NamedFile, ...]
    label: NamedFile

    @property
    def all_files(self) -> tuple[NamedFile, ...]:
        return (*self.images, self.label)


def _paths(files: Sequence[NamedFile]) -> tuple[PurePosixPath, ...]:
    return tuple(file.path for file in files)


def _by_key(files: Sequence[NamedFile], key_of: KeyOf) -> dict[Key, list[NamedFile]]:
    grouped: dict[Key, list[NamedFile]] = defaultdict(list)
    for file in files:
        key = key_of(file)
        if key is not None:
            grouped[key].append(file)
    return dict(grouped)


def _stem_in_context(file: NamedFile) -> Key:
    return (file.context, file.stem)


def _bare_in_context(file: NamedFile) -> Key:
    return (file.context, file.bare)


def _stem(file: NamedFile) -> Key:
    return file.stem


def _bare(file: NamedFile) -> Key:
    return file.bare or None


def _bare_words(file: NamedFile) -> Key:
    return tokens_of(file.bare) or None


_PASSES: tuple[tuple[KeyOf, KeyOf], ...] = (
    (_stem_in_context, _stem_in_context),
    (_stem_in_context, _bare_in_context),
    (_bare_in_context, _bare_in_context),
)
_LOOSE_PASSES: tuple[tuple[KeyOf, KeyOf], ...] = ((_stem, _bare), (_bare, _bare), (_bare_words, _bare_words))


def _words(file: NamedFile, with_context: bool) -> Key:
    words = tokens_of(file.bare)
    return (file.context if with_context else (), words) if words else None


def _longest_beginning(file: NamedFile, with_context: bool, known: dict[Key, list[NamedFile]]) -> Key:
    words = tokens_of(file.stem if file.role == "image" else file.bare)
    context = file.context if with_context else ()
    return next(
        (key for n in range(len(words), 0, -1) if (key := (context, words[:n])) in known),
        None,
    )


def _pair(files: _PairedFiles) -> Pair:
    image, label = files.images[0], files.label
    folder = "_".join(label.context or image.context)
    if image.stem == label.stem and image.bare:
        name = image.stem
    elif image.bare and label.bare and (not folder or _is_beginning(image.bare, label.bare)):
        name = min(label.bare, image.bare, key=len)
    else:
        name = folder or image.stem
    names = (
        name,
        "_".join(dict.fromkeys(part for part in (folder, name) if part)),
        "_".join((*image.context, image.stem)),
    )
    return Pair(_paths(files.images), label.path, names, _subject(image.path), image.context)


def _is_beginning(one: str, other: str) -> bool:
    """Tell whether the words of one name begin the other."""
    shorter, longer = sorted((tokens_of(one), tokens_of(other)), key=len)
    return longer[: len(shorter)] == shorter


def _subject(image: PurePosixPath) -> str | None:
    """Return the subject that a path names in the manner of BIDS: ``sub-01``."""
    return next((part for part in image.parts[:-1] if part.lower().startswith("sub-")), None)
