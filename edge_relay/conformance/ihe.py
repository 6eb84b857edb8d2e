"""The IHE Integration Statement (IHE Technical Frameworks General Introduction, Appendix F)."""

from __future__ import annotations

from edge_relay.conformance.markdown import table, text
from edge_relay.conformance.subject import PRODUCT, REVISIONS, Subject


def integration_statement(subject: Subject) -> str:
    """Return the statement as Markdown."""
    return (
        text(
            "# IHE Integration Statement",
            table(
                ("Vendor", "Product name", "Version", "Date"),
                ((f"the {PRODUCT} project", PRODUCT, subject.version, REVISIONS[-1].date),),
            ),
            """
            This product implements the transactions below of the IHE Technical Framework. They belong to two
            actors. It implements neither actor completely.
            """,
            table(
                ("Integration profile", "Actor", "Transactions implemented", "Options implemented"),
                (
                    (
                        "Radiology: Scheduled Workflow (SWF)",
                        "Department System Scheduler/Order Filler, in part",
                        "Query Modality Worklist [RAD-5], as responder",
                        "none",
                    ),
                    (
                        "Radiology: Scheduled Workflow (SWF)",
                        "Performed Procedure Step Manager, in part",
                        "Modality PS In Progress [RAD-6], Modality PS Completed [RAD-7], as receiver",
                        "none",
                    ),
                ),
            ),
            "## What is not claimed",
            """
            - **Department System Scheduler/Order Filler**: the HL7 transactions with Order Placer, ADT and
              Image Manager (RAD-1, RAD-2, RAD-3, RAD-4, RAD-12, RAD-13, RAD-42, RAD-48), Image Availability
              Query (RAD-11) and Instance Availability (RAD-49) are not implemented. Orders and schedule come
              from REDCap through the product's cloud service. Placer and filler order numbers are not in the
              worklist. MPPS from another Performed Procedure Step Manager (RAD-6, RAD-7) would be accepted,
              but this is not claimed.
            - **Performed Procedure Step Manager**: this actor must forward RAD-6 and RAD-7 to the Department
              System Scheduler/Order Filler and the Image Manager by DICOM. This product does not. It sends
              reports to its own cloud service over HTTPS, and from there to REDCap. If your image manager
              needs MPPS, let the scanner or an MPPS forwarder send it there too.
            - Creator Procedure Step In Progress and Completed (RAD-20, RAD-21) use the same messages and
              would be accepted; they are not tested and not claimed.
            - Options of the profile: none, also not PPS Exception Management. Patient based and broad queries
              are both answered.
            - Query Modality Worklist: attributes that the conformance statement's table marks as empty are
              empty, even if the framework requires a source, as for Requested Procedure Code Sequence.
            - Scheduled Workflow.b, Patient Information Reconciliation, Consistent Time, Audit Trail and Node
              Authentication: not claimed. The product supports TLS with client certificates, but sends no
              audit messages.
            """,
            "The product has not been tested at a Connectathon.",
            "## Find the details",
            """
            DICOM: [conformance.md](conformance.md). IHE in general: https://www.ihe.net. The framework: IHE
            Radiology Technical Framework, volumes 1 and 2.
            """,
        )
        + "\n"
    )
