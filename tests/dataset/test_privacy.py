"""Names and headers that may tell whose body a file shows."""

import hashlib
import uuid

import nibabel
import numpy as np
import pytest

from segtrail.dataset.description import CaseFiles
from segtrail.dataset.reading.privacy import check_names, check_privacy
from segtrail.images.nifti import HeaderNotes


def signs_in_names(stem, suffix=".nii.gz", **entry):
    found = []
    files = CaseFiles(
        entry.get("case", stem), (f"imagesTr/{stem}{suffix}",), f"labelsTr/{stem}{suffix}", entry.get("group")
    )
    check_names(files, lambda check, evidence: found.append((check, evidence)))
    assert all(check == "identifying" for check, _ in found)
    return [evidence for _, evidence in found]


def signs_in_header(field, text):
    found = []
    check_privacy("a.nii", HeaderNotes({field: text}), lambda _, evidence: found.append(evidence))
    return found


@pytest.mark.requirement("DAT-05")
@pytest.mark.parametrize(
    ("stem", "what"),
    [
        *(
            ("Doe^John", "a person's name as DICOM writes it"),
            ("Mueller, Hans", "a name with its surname first"),
        ),
        *(
            (stem, "a date")
            for stem in ("scan_1957-03-12", "19570312", "sub-0012345_ses-20230101", "2023-1-5")
        ),
        *(
            (stem, "a date")
            for stem in ("12.03.1956", "03-12-1956", "03_12_1956", "12Mar1956", "12-march-1956")
        ),
        *((stem, "a long number, as patients and accessions have") for stem in ("a_00471182", "4711829")),
        *(
            (stem, "a personal number")
            for stem in ("560312-1234", "131052-308T", "123-45-6789", "943 476 5919")
        ),
        ("1.3.6.1.4.1.14519.5.2.1", "a DICOM identifier"),
        ("john@example.org", "an e-mail address"),
        *((stem, "a word that stands before personal data") for stem in ("PatientID-47", "MRN12", "dob_57")),
    ],
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_name_that_may_identify_a_patient_is_told_once_for_image_and_label(stem, what, suffix):
    assert signs_in_names(stem, suffix) == [
        f"the name of imagesTr/{stem}{suffix} and of labelsTr/{stem}{suffix} holds {what}"
    ]


def test_what_looks_like_a_second_suffix_is_part_of_the_name():
    assert "a date" in signs_in_names("scan.19560312", ".nii")[0]


@pytest.mark.parametrize(
    "stem",
    [
        *(
            "patient001_frame01",
            "patient_12",
            "outpatient",
            "birthweight",
            "AMRN",
            "BRAIN_TUMOUR",
            "march_2019",
        ),
        *("case_0001234", "sub-0012345", "sub-01_ses-02_T1w", "BraTS20_Training_001_flair", "T1_march2019"),
        *("sub-A00008326", "IXI012-HH-1211-T1", "OAS1_0001_MR1", "TCGA-06-1234", "001-002-0003", "20_3_2"),
    ],
)
def test_a_harmless_name_passes(stem):
    assert signs_in_names(stem) == []


def test_names_that_are_hashes_pass():
    texts = [str(number).encode() for number in range(500)]
    names = [hashlib.sha256(text).hexdigest() for text in texts]
    names += [str(uuid.uuid5(uuid.NAMESPACE_OID, name)) for name in names]
    assert [name for name in names if signs_in_names(name)] == []


def test_initials_before_a_birthday_are_no_hash():
    assert signs_in_names("abe19560312") != []


def test_the_names_of_a_case_and_its_group_count_too():
    assert signs_in_names("a", case="Doe^John", group="19560312") == [
        "the name of the case Doe^John holds a person's name as DICOM writes it",
        "the name of the group 19560312 holds a date",
    ]


@pytest.mark.requirement("DAT-05")
@pytest.mark.parametrize(
    ("field", "text"),
    [
        *(("descrip", "DOE^JOHN"), ("descrip", "scan of 12.3.1957"), ("aux_file", "943 476 5919")),
        *(("db_name", "DOE JOHN"), ("db_name", "DOB 12.3.1957")),
    ],
)
def test_a_header_text_that_may_identify_a_patient_is_found_and_not_repeated(field, text):
    (found,) = signs_in_header(field, text)
    assert found.startswith(f"a.nii: the header's {field} holds ")
    assert not any(word in found for word in ("DOE", "JOHN", "1957", "943"))


@pytest.mark.parametrize(
    ("field", "text"),
    [
        *(("descrip", "FSL5.0"), ("descrip", "FSL6.0.1:1234567a"), ("descrip", "5.0.10:0123456")),
        *(("descrip", "TE=2.9;Time=101112.345;phase=1"), ("descrip", "SPM - realigned, Resliced")),
        *(("descrip", "FreeSurfer Jul  5 2023"), ("db_name", "?TR:2000.000 TE:30"), ("db_name", "12 3")),
    ],
)
def test_a_harmless_header_text_passes(field, text):
    assert signs_in_header(field, text) == []


def test_names_headers_and_extensions_of_a_data_set_are_looked_at(make_dataset, failed_checks):
    folder = make_dataset(1)
    volume = nibabel.Nifti1Image(np.ones((6, 6, 6), np.float32), np.eye(4))
    volume.header["descrip"] = b"DOE^JOHN"
    volume.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"seen by Dr. Who"))
    label = np.zeros((6, 6, 6), np.uint8)
    label[2:4, 2:4, 2:4] = 1
    folder.add_case(
        "marked", np.ones((6, 6, 6), np.float32), label, np.eye(4), suffix=".nii", group="19560312"
    )
    folder.root.joinpath("imagesTr/marked.nii").write_bytes(volume.to_bytes())
    failed = failed_checks(folder)
    assert list(failed) == ["identifying"]
    found = [(finding.case, finding.evidence) for finding in failed["identifying"].findings]
    assert [case for case, _ in found] == ["marked"] * 3
    assert [word for word in ("group", "descrip", "comment") if any(word in text for _, text in found)] == [
        *("group", "descrip", "comment")
    ]
    assert not any("JOHN" in text or "Who" in text for _, text in found)
