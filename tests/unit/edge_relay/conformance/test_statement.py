"""The conformance statements say what the code does: made from its tables, and nothing is left out."""

from __future__ import annotations

import re
import runpy
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from pydicom.uid import UID
from typer.testing import CliRunner

import edge_relay.conformance
from edge_relay import config
from edge_relay.commands import conformance as command
from edge_relay.conformance import network, statuses
from edge_relay.conformance.ihe import integration_statement
from edge_relay.conformance.markdown import tag_text
from edge_relay.conformance.sources import fields_of
from edge_relay.conformance.statement import statement
from edge_relay.conformance.subject import REVISIONS, Subject
from edge_relay.dicom.step_requirements import ATTRIBUTES, Requirement
from edge_relay.operations import settings_list
from edge_relay.services.ports import IMPLEMENTATION_VERSION_NAME
from edge_relay.services.scp import HANDLERS, SERVICES
from edge_relay.upper_layer import negotiation
from edge_relay.upper_layer.negotiation import Negotiator, Proposal
from edge_relay.worklist.attributes import WORKLIST, Sequence, Tree, attributes
from shared.dicom import dimse_status
from shared.dicom.character_sets import check_terms
from shared.dicom.charset import character_set
from shared.steps.procedure_step import TRANSITIONS
from shared.worklist_item import WorklistItem
from tests.structure.imports import ROOT

HOW = "make conformance (and a new entry in edge_relay/conformance/subject.py, if a scanner notices)"

ANSWERING = (
    "edge_relay/services/scp.py",
    "edge_relay/mpps/event.py",
    "edge_relay/mpps/check.py",
    "edge_relay/mpps/intake.py",
    "edge_relay/upper_layer/operation.py",
    "shared/steps/procedure_step.py",
)
"""Where statuses are written down."""


@pytest.fixture(scope="module")
def whole() -> str:
    return statement(Subject())


def settings(**changes: object) -> config.Settings:
    relay = {"cloud_url": "https://cloud.test", "ae_title": "WARD7", "port": 11119, **changes}
    return config.Settings.model_validate(
        {
            "relay": relay,
            "scanners": [
                {"ae_title": "PRISMA1", "mpps": "strict", "statuses": ["SCHEDULED"], "days_ahead": 1}
            ],
        }
    )


def with_tls(**changes: object) -> config.Settings:
    tls = {"certificate": "/etc/relay.pem", "private_key": "/etc/relay.key", "client_certificates": "none"}
    return config.Settings.model_validate(
        {**settings().model_dump(exclude={"scanners"}), "tls": {**tls, "port": 2799, **changes}}
    )


def section(whole: str, heading: str) -> str:
    """Return a section with all below it."""
    level, _, _ = heading.partition(" ")
    begin = whole.index(f"\n{heading}")
    following = re.search(rf"^#{{2,{len(level)}}} ", whole[begin + len(heading) + 1 :], re.MULTILINE)
    return whole[begin : begin + len(heading) + 1 + following.start()] if following else whole[begin:]


def rows(part: str) -> list[list[str]]:
    """Return the rows of all tables, their headers too, as cells."""
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


# ------------------------------------------------------------------------------------------ what is delivered


@pytest.mark.parametrize(
    ("name", "made"), [("conformance.md", statement), ("ihe-integration-statement.md", integration_statement)]
)
def test_the_statement_in_docs_is_what_the_code_says_now(name: str, made: Callable[[Subject], str]) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == made(Subject()), f"docs/{name} is out of date: {HOW}"


def test_a_release_has_a_revision_and_the_newest_revision_may_be_of_the_next() -> None:
    released, _, later = version("mwl-relay").partition("+")[0].partition(".post")
    newest = REVISIONS[-1].version
    assert newest == released or (later and _numbers(newest) > _numbers(released))


def test_sources_without_git_call_themselves_what_the_newest_revision_does() -> None:
    scm = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools_scm"]
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    assert cited
    assert REVISIONS[-1].version == scm["fallback_version"] == cited[1]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def test_the_module_writes_both_statements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["conformance", str(tmp_path)])
    runpy.run_module("edge_relay.conformance", run_name="__main__")
    assert {each.name for each in tmp_path.iterdir()} == {"conformance.md", "ihe-integration-statement.md"}


def test_the_package_lists_its_modules() -> None:
    folder = Path(edge_relay.conformance.__file__).parent
    modules = {each.name for each in folder.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert set(re.findall(r"^    (\w+\.py)", edge_relay.conformance.__doc__ or "", re.MULTILINE)) == modules


# ------------------------------------------------------------------------------------------------------- form


def test_the_sections_are_those_of_annex_n_in_their_order(whole: str) -> None:
    headings = re.findall(r"^## (.+)$", whole, re.MULTILINE)
    assert [each.split(" ")[0] for each in headings] == [*"12345678", *["Annex"] * 5]
    assert re.findall(r"^- \[(.+?)\]\(#", section(whole, "## 2 Table of contents"), re.MULTILINE) == headings


def test_every_row_of_a_table_has_a_cell_for_each_column(whole: str) -> None:
    width = 0
    for line in whole.splitlines():
        cells = len(re.split(r"(?<!\\)\|", line))
        if not line.startswith("|"):
            width = 0
        elif width == 0:
            width = cells
        else:
            assert cells == width, line


# ----------------------------------------------------------------------------------------------- completeness


def test_every_sop_class_and_operation_is_named(whole: str) -> None:
    mapping = {cells[0]: cells[2].split(", ") for cells in rows(section(whole, "### 5.1"))}
    overview = rows(section(whole, "### 1.2"))
    for uid, field in HANDLERS:
        assert field.name.replace("_", "-") in mapping[UID(uid).name]
        assert [UID(uid).name, uid] in [cells[:2] for cells in overview]


NAMED_STATUSES = {name for name, value in vars(dimse_status).items() if isinstance(value, int)}


def statuses_in_code() -> set[str]:
    found = set[str]()
    for path in ANSWERING:
        words = set(re.findall(r"\w+", (ROOT / path).read_text("utf-8")))
        found.update(word.removeprefix("0x") for word in words if re.fullmatch("0x[0-9A-F]{4}", word))
        found.update(f"{vars(dimse_status)[word]:04X}" for word in words & NAMED_STATUSES)
    return found


def test_every_status_in_the_code_is_explained(whole: str) -> None:
    listed = {cell for cells in rows(section(whole, "### 7.3")) for cell in cells[:2]}
    assert {"A900", "0112", "FE00", "A710", "0118", "0213"} <= statuses_in_code()
    assert statuses_in_code() <= listed


def test_no_status_is_explained_that_the_code_does_not_have() -> None:
    assert {f"{status:04X}" for status in statuses.MEANINGS} <= statuses_in_code()


def walk(tree: Tree, depth: int = 0) -> Iterator[tuple[str, str, str, str]]:
    for entry in tree.values():
        vr = "SQ" if isinstance(entry, Sequence) else entry.vr
        yield ">" * depth + tag_text(entry.tag), vr, entry.matching, entry.returned
        if isinstance(entry, Sequence):
            yield from walk(entry.children, depth + 1)


def test_every_worklist_attribute_is_listed_with_its_types(whole: str) -> None:
    listed = rows(section(whole, "##### 5.2.1.1"))[2:]
    depth = ["".join(re.findall("^>*", cells[0])) for cells in listed]
    found = [(level + cells[1], *cells[2:5]) for level, cells in zip(depth, listed, strict=True)]
    assert found == list(walk(WORKLIST))


def test_an_attribute_is_said_to_be_matched_if_and_only_if_it_is(whole: str) -> None:
    listed = rows(section(whole, "##### 5.2.1.1"))[2:]
    said = [cells[5] != "-" for cells in listed if cells[2] != "SQ"]
    assert said == [each.matched for each in attributes(WORKLIST)]


def requirements(of: Iterable[Requirement], depth: int = 0) -> Iterator[list[str]]:
    for row in of:
        yield [tag_text(int(row.tag, 16)), row.create, row.set, row.final or "-"]
        yield from requirements(row.children, depth + 1)


def test_every_mpps_attribute_is_listed_with_its_types(whole: str) -> None:
    listed = rows(section(whole, "##### 5.2.2.1"))[2:]
    assert [cells[1:] for cells in listed] == list(requirements(ATTRIBUTES))


def test_every_transition_is_listed(whole: str) -> None:
    assert len(rows(section(whole, "##### 5.2.2.3"))[2:]) == len(TRANSITIONS)


def test_every_setting_that_bears_on_dicom_is_listed(whole: str) -> None:
    part = rows(section(whole, "## 6 Configuration"))
    named = [cells[:2] for cells in part]
    for key, default, _ in settings_list.explain():
        table_name, _, name = key.partition(".")
        if table_name != "status":
            assert [f"`{name}`", default] in named, key


def test_every_rejection_and_presentation_context_is_listed(whole: str) -> None:
    part = section(whole, "## 7 Network")
    for rejection in network.rejections():
        assert rejection.why in part
    assert len(network.rejections()) >= 7
    for service in SERVICES:
        for syntax in negotiation.TRANSFER_SYNTAXES:
            assert f"| {service} | {syntax.name} | {syntax} |" in part


def test_the_implementation_names_itself_as_it_does_in_an_association(whole: str) -> None:
    proposal = Proposal("SCANNER", "WARD7", negotiation.APPLICATION_CONTEXT, 16384, (), {})
    answer = Negotiator(SERVICES, 65_536, IMPLEMENTATION_VERSION_NAME).agree(proposal).answer
    parameters = {cells[0]: cells[1] for cells in rows(section(whole, "### 7.1"))}
    for each in ("Implementation Class UID", "Implementation Version Name", "Application Context Name"):
        assert parameters[each].encode() in answer


def test_every_character_set_listed_is_accepted_and_those_asked_for_are_there(whole: str) -> None:
    listed = [cells[0] for cells in rows(section(whole, "### 5.7"))[2:]]
    for term in listed:
        assert check_terms([term]) == (term,)
    carried = {
        "ISO_IR 192": "語",
        "ISO_IR 100": "é",
        "ISO 2022 IR 87": "語",
        "ISO 2022 IR 149": "가",
        "GBK": "中",
    }
    for term, character in carried.items():
        assert term in listed
        assert character_set((term,)).fit(character) == (character, True)
    assert "ISO 2022 GBK" not in listed  # accepted by the settings, and no character set of ours


# ---------------------------------------------------------------------------------------------------- sources


def test_the_source_of_an_attribute_is_the_field_it_is_read_from() -> None:
    found = {each.keyword: fields_of(each) for each in attributes(WORKLIST) if each.read}
    assert found["PatientWeight"] == ("patient_weight_kg",)
    assert found["RequestedProcedureDescription"] == ("study_description", "procedure_description")
    assert found["ScheduledProcedureStepStatus"] == ("performed_procedure_step_status",)
    assert all(found.values())
    assert {field for fields in found.values() for field in fields} <= set(WorklistItem.model_fields)


def test_an_attribute_without_a_source_has_no_field(whole: str) -> None:
    mapped = {cells[1] for cells in rows(section(whole, "### A.D.1"))}
    assert "(0010,1030)" in mapped
    assert "(0008,1150)" not in mapped  # Referenced SOP Class UID


# -------------------------------------------------------------------------------------------- one relay's own


def test_one_relays_statement_has_its_own_values() -> None:
    own = statement(Subject(settings=settings(max_pdu_bytes=16_384)))
    parameters = {cells[0]: cells[1] for cells in rows(section(own, "### 7.1"))}
    assert parameters["AE title"].startswith("WARD7 ")
    assert parameters["Maximum length received"].startswith("16384 ")
    assert ["11119 (`relay.port`)", "DICOM"] in [cells[:2] for cells in rows(section(own, "### 8.3"))]
    assert ["`max_pdu_bytes`", "65536", "16384"] in [cells[:3] for cells in rows(section(own, "### 6.1"))]


def test_one_relays_statement_lists_its_scanners_and_what_is_not_default() -> None:
    own = statement(Subject(settings=settings()))
    scanner = next(cells for cells in rows(section(own, "### 6.2")) if cells[0] == "PRISMA1")
    assert scanner[1] == "`days_ahead`: 1; `statuses`: SCHEDULED; `mpps`: strict"


def test_where_the_cloud_is_is_not_told() -> None:
    assert "cloud.test" not in statement(Subject(settings=settings()))


def test_a_relay_without_tls_does_not_claim_it() -> None:
    own = statement(Subject(settings=settings()))
    assert "DICOM over TLS" not in section(own, "### 8.3")
    assert "| N: not configured |" in section(own, "### 8.4")


def test_a_relay_with_tls_alone_shows_its_one_port() -> None:
    own = statement(Subject(settings=with_tls(plain_port=False)))
    ports = section(own, "### 8.3")
    assert "2799 (`tls.port`)" in ports
    assert "relay.port" not in ports
    assert "Y; client certificates none" in section(own, "### 8.4")


def run(*arguments: str) -> str:
    app = typer.Typer()
    command.add_commands(app)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_prints_the_statement_of_the_program() -> None:
    assert run() == statement(Subject())


def test_the_command_prints_the_integration_statement() -> None:
    assert run("--ihe") == integration_statement(Subject())


def test_the_command_prints_the_statement_of_a_relay(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text('[relay]\ncloud_url = "https://cloud.test"\nae_title = "WARD7"\n')
    assert run("--config", str(file)) == statement(Subject(settings=config.load(file)))


# -------------------------------------------------------------------------------------------------------- IHE


def test_the_integration_statement_claims_three_transactions_and_no_more() -> None:
    ihe = integration_statement(Subject())
    claimed = "".join(cell for cells in rows(ihe) for cell in cells)
    assert re.findall(r"RAD-\d+", claimed) == ["RAD-5", "RAD-6", "RAD-7"]
    assert "in part" in claimed
