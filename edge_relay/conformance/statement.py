"""The DICOM Conformance Statement as a whole, and its sections 1 to 4 (PS3.2 Annex N)."""

from __future__ import annotations

from typing import Final

from pydicom.uid import UID

from edge_relay.conformance import (
    annexes,
    choices,
    configuration,
    images,
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
            choices.section(),
            images.section(),
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
        `mwl-relay conformance` writes this document from the tables that the program itself uses; a test
        compares the two. With `--ihe`, the command writes the IHE Integration Statement.
        """,
    )


def _overview() -> str:
    return text(
        "## 1 Overview",
        """
        The relay is a service near the scanners. It answers their worklist queries (C-FIND) from its own copy
        of the site's worklist, and accepts their reports about exams (MPPS). It exchanges both with a cloud
        service over HTTPS, not over DICOM. While the cloud cannot be reached, it still answers scanners.
        """,
        "### 1.1 Content and transfer",
        "None: no composite instances are created, stored, displayed or transferred.",
        "### 1.2 DIMSE services",
        table(
            ("SOP Class", "UID", "SCU", "SCP"),
            [
                *((UID(uid).name, uid, "N, but see 4.2", "Y") for uid in SERVICES),
                *((UID(uid).name, uid, "Y, if archives are configured: 5.2.4", "N") for uid in images.UIDS),
            ],
        ),
        """
        Not supported: Modality Performed Procedure Step Notification, storage, storage commitment,
        query/retrieve as SCP, retrieval, unified procedure step, instance availability notification,
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
        People who connect scanners to a relay or decide about it: hospital IT, service engineers, purchasing.
        Readers should know DICOM.
        """,
        "### 3.3 Remarks",
        """
        A conformance statement describes one product. It does not prove that two products work together: test
        that. `mwl-relay echo` and `mwl-relay find` query a relay as a scanner would.
        """,
        "### 3.4 Terms, definitions and abbreviations",
        """
        As in the standard, and: *item*, one scheduled procedure step of one patient; *profile*, the relay's
        settings for one scanner; *strict* and *lenient*, how a profile checks MPPS (5.2.2.2). AE:
        Application Entity. MWL: Modality Worklist. MPPS: Modality Performed Procedure Step. SPS: Scheduled
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
                                         --DICOM-> archive, if configured
                                                 C-FIND (Study Root)
        """),
        "### 4.2 Functional definition of the Application Entity",
        """
        There is one AE, the relay. It accepts associations on one or two TCP ports (8.3), with any number of
        SOP Classes in one association. It initiates associations to archives, if any are configured (5.2.4),
        and to no other systems. It keeps two files: a copy of its site's worklist, updated from the cloud
        every few seconds, and a journal of MPPS messages. It answers N-CREATE and N-SET with Success only
        after the journal is on the disk.

        As SCU it calls relays and configured archives only. It calls itself every half minute to prove that
        it answers (C-ECHO and C-FIND), and another relay when an operator runs `mwl-relay echo`, `mwl-relay
        find` or `mwl-relay mpps` to set up or test one.
        """,
        "### 4.3 Sequencing of activities",
        """
        The services may be used in any order. The relay accepts an MPPS without an earlier worklist query,
        and an MPPS that matches no item. Within MPPS: N-CREATE, then any number of N-SET, one of which ends
        the step (5.2.2.3).
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
        Verification is always answered with Success. It says nothing about the worklist or the cloud.
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
        An MPPS changes the status of its item at once: the next C-FIND after its Success shows the new
        status, before the cloud has confirmed it. IN PROGRESS is shown as STARTED. An item whose step was
        COMPLETED or DISCONTINUED is no longer shown, unless the profile's `statuses` or the query's
        Scheduled Procedure Step Status (0040,0020) asks for it.
        """,
    )
