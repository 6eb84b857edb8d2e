"""The DICOM Conformance Statement as a whole, and its sections 1 to 4 (PS3.2 Annex N)."""

from __future__ import annotations

from typing import Final

from pydicom.uid import UID

from edge_relay.conformance import (
    annexes,
    configuration,
    network,
    procedure_step,
    security,
    statuses,
    text_encoding,
    worklist,
)
from edge_relay.conformance.markdown import drawing, table, text
from edge_relay.conformance.subject import PRODUCT, REVISIONS, Subject
from edge_relay.services.scp import SERVICES

_CONTENTS: Final = (
    "1 Overview",
    "2 Table of contents",
    "3 Introduction",
    "4 Implementation model",
    "5 Service and interoperability description",
    "6 Configuration",
    "7 Network and media communication details",
    "8 Security",
    "Annex A.A Information Object Definitions",
    "Annex A.B Structured Report content",
    "Annex A.C Security details",
    "Annex A.D Mapping of attributes",
    "Annex A.E Code set usage",
)


def statement(subject: Subject) -> str:
    """Return the statement as Markdown."""
    return (
        text(
            _title(subject),
            _overview(),
            "## 2 Table of contents",
            "\n".join(f"- [{each}](#{_anchor(each)})" for each in _CONTENTS),
            _introduction(),
            _model(),
            _services(),
            worklist.section(),
            procedure_step.section(),
            _across_services(),
            text_encoding.section(),
            configuration.section(subject),
            network.section(subject),
            statuses.section(),
            security.section(subject),
            annexes.section(),
        )
        + "\n"
    )


def _anchor(heading: str) -> str:
    kept = "".join(c for c in heading.lower() if c.isalnum() or c in " -")
    return kept.replace(" ", "-")


def _title(subject: Subject) -> str:
    revision = REVISIONS[-1]
    return text(
        f"# DICOM Conformance Statement of {PRODUCT}",
        table(
            ("Of", "Value"),
            (
                ("Product", f"{PRODUCT}, the edge relay"),
                ("Version", subject.version),
                ("Date", revision.date),
                ("Form", "DICOM PS3.2, Annex N"),
                ("Values shown", f"{subject.of}"),
            ),
        ),
        """
        Made by `mwl-relay conformance` from the tables the program works by; a test compares the two. The IHE
        Integration Statement is made by the same command with `--ihe`.
        """,
    )


def _overview() -> str:
    return text(
        "## 1 Overview",
        """
        The relay stands near scanners. It answers their queries for the worklist (C-FIND) from a copy it
        holds of the worklist of its site, and takes their reports of what was done (MPPS). It exchanges both
        with a cloud service over HTTPS, not over DICOM, and goes on answering scanners while the cloud is
        away.
        """,
        "### 1.1 Content and transfer",
        "None: no composite instances are created, stored, displayed or transferred.",
        "### 1.2 DIMSE services",
        table(
            ("SOP Class", "UID", "SCU", "SCP"),
            [(UID(uid).name, uid, "N, but see 4.2", "Y") for uid in SERVICES],
        ),
        """
        The Modality Performed Procedure Step Notification SOP Class is not supported. Nor are storage,
        storage commitment, query/retrieve, unified procedure step, instance availability notification,
        printing.
        """,
        text(
            "### 1.3 DICOM Web services",
            "None. The HTTPS interface to the cloud is not DICOMweb.",
            "### 1.4 Media services",
            "None.",
            "### 1.5 Real-time video",
            "None.",
            "### 1.6 De-identification profiles",
            "None.",
            "### 1.7 Specific Character Sets",
            "Default repertoire, ISO_IR 192 and others: see 5.7.",
        ),
    )


def _introduction() -> str:
    return text(
        "## 3 Introduction",
        "### 3.1 Revision history",
        table(("Version", "Date", "Change"), REVISIONS),
        "### 3.2 Audience",
        """
        Those who connect scanners to a relay, and those who judge whether they may: hospital IT, service
        engineers, purchasing. Knowledge of DICOM is assumed.
        """,
        "### 3.3 Remarks",
        """
        A conformance statement tells what was built, not that two products work together: that has to be
        tried. `mwl-relay echo` and `mwl-relay find` ask a relay as a scanner would.
        """,
        "### 3.4 Terms, definitions and abbreviations",
        """
        As in the standard. Besides: *item*, one scheduled procedure step of one patient; *profile*, what a
        relay's settings say of one scanner; *strict*, *lenient*, how a profile wants MPPS judged (5.2.2.2).
        AE Application Entity, MWL Modality Worklist, MPPS Modality Performed Procedure Step, SPS Scheduled
        Procedure Step.
        """,
        "### 3.5 References",
        """
        DICOM PS3.2 to PS3.8, PS3.15, PS3.16, PS3.18 Annex F, edition 2024 (https://www.dicomstandard.org);
        RFC 8996 and RFC 9325 (BCP 195); IHE Radiology Technical Framework, see
        [ihe-integration-statement.md](ihe-integration-statement.md).
        """,
    )


def _model() -> str:
    return text(
        "## 4 Implementation model",
        "### 4.1 Application data flow",
        drawing("""
            REDCap <-> cloud <--HTTPS--> relay AE <--DICOM-- scanner
                         worklist, down          C-ECHO, C-FIND
                         MPPS events, up         N-CREATE, N-SET, N-GET
        """),
        "### 4.2 Functional definition of the Application Entity",
        """
        One AE, the relay. It accepts associations on one or two TCP ports (8.3), any number of SOP Classes in
        one association, and initiates none towards other systems. It keeps two files: a copy of its site's
        worklist, renewed from the cloud every few seconds, and a journal of MPPS messages. N-CREATE and N-SET
        are answered with Success only after the journal has reached the disk.

        As SCU it calls only a relay: itself, over its own port, to prove that it answers (C-ECHO and C-FIND
        every half minute); and when an operator runs `mwl-relay echo`, `mwl-relay find` or `mwl-relay mpps`,
        commands for setting up and checking.
        """,
        "### 4.3 Sequencing of activities",
        """
        None is required of a scanner between services: an MPPS without a worklist query before it is taken,
        and so is one that no item fits. Within MPPS: N-CREATE, any number of N-SET, one of which ends the
        step (5.2.2.3).
        """,
    )


def _services() -> str:
    return text(
        "## 5 Service and interoperability description",
        "### 5.1 Mapping of services to Application Entities",
        table(
            ("SOP Class", "AE", "Operations"),
            [(UID(uid).name, "relay", ", ".join(network.operations(uid))) for uid in SERVICES],
        ),
        "### 5.2 DIMSE services",
        """
        Verification is answered with Success whenever an association stands; it says nothing of the worklist
        or the cloud.
        """,
    )


def _across_services() -> str:
    return text(
        "### 5.3 DICOM Web services",
        "None.",
        "### 5.4 Media services",
        "None.",
        "### 5.5 Real-time video",
        "None.",
        "### 5.6 Cross-service considerations",
        """
        The status an MPPS gives an item shows in C-FIND at once, from the next query after its Success,
        before the cloud has confirmed it. IN PROGRESS is shown as STARTED; an item whose step was COMPLETED
        or DISCONTINUED is no longer shown unless the profile's `statuses` or the query's Scheduled Procedure
        Step Status (0040,0020) wants it.
        """,
    )
