"""What ``mwl-cloud import-pylantir`` does; see docs/from-pylantir.md.

Each part loads what it needs: most imports are of a configuration alone, and none needs a deployment before
``--apply``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from infra.commands.tools import text_of
from infra.pylantir.findings import Finding, Outcome
from shared.errors import MwlError, NotFound, Rejected

if TYPE_CHECKING:
    from infra.pylantir.databases.adoption import Adoption
    from infra.pylantir.databases.old_rows import OldItem, OldUser
    from infra.pylantir.source_translation import Answers
    from lambdas.settings import RedcapSettings
    from lambdas.sources.definition import SourceDefinition
    from lambdas.store.sources import SourceStore

_READ_SECONDS = 120.0
_REPORT = "report.txt"


@dataclass(frozen=True)
class Request:
    """What is to be imported; see the options of the command."""

    config: Path
    out: Path
    time_zone: str
    cloud_url: str
    ae_title: str
    port: int
    worklist_db: Path | None
    users_db: Path | None
    apply: bool


def run_import(asked: Request) -> None:
    """Translate, write the files, say what became of each key; store it all if asked to."""
    config = text_of(asked.config)
    from infra.pylantir.databases.old_databases import read_users, read_worklist
    from infra.pylantir.deployment_translation import Address
    from infra.pylantir.translation import translate

    exams = read_worklist(asked.worklist_db) if asked.worklist_db else []
    users = read_users(asked.users_db) if asked.users_db else []
    answers = _answers(asked.time_zone, exams)
    done = translate(config, answers, Address(asked.ae_title, asked.port, asked.cloud_url))
    kept = _write(asked.out, done.files, done.findings)
    _show(done.findings)
    typer.echo(f"written to {asked.out}: {', '.join([*sorted(done.files), _REPORT])}")
    for name in kept:
        typer.echo(f"kept as it was, because it is there and says otherwise: {asked.out / name}")
    names = [f"source-{definition.id}.toml" for definition in done.definitions]
    if asked.apply:
        from lambdas.sources.file import parse_definition

        definitions = [parse_definition(text_of(asked.out / name)) for name in names]
        _apply(definitions, exams, users, asked.out)
    elif exams or users:
        typer.echo(f"{len(exams)} exams and {len(users)} users read; --apply brings them in, as follows")
        _foretell([asked.out / name for name in names], exams, users, asked.out)


def _answers(time_zone: str, exams: Sequence[OldItem]) -> Answers:
    from infra.pylantir.old_environment import PylantirEnvironment
    from infra.pylantir.source_translation import Answers

    environment = PylantirEnvironment()
    url, token = environment.redcap_api_url.strip(), environment.redcap_api_token.get_secret_value().strip()
    url = url if not url or url.endswith("/") else f"{url}/"
    project = None
    if url and token:
        from infra.pylantir.project import ProjectDictionary
        from lambdas.redcap.project import RedcapProject

        with closing(RedcapProject(url, token, "record_id", read_seconds=_READ_SECONDS)) as redcap:
            project = ProjectDictionary(redcap.metadata())
    decimal = False
    if exams:
        from infra.pylantir.databases.adoption import has_decimal_sessions

        decimal = has_decimal_sessions(exams)
    return Answers(url, time_zone, project, decimal_sessions=decimal)


def _write(out: Path, files: Mapping[str, str], findings: Iterable[Finding]) -> list[str]:
    """Write the files; return the names of those that are there and say otherwise."""
    kept = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            file = out / name
            if not file.exists():
                file.write_text(text, "utf-8")
            elif file.read_bytes() != text.encode():
                kept.append(name)
        lines = [f"{finding.outcome.value:<12}{finding.key}: {finding.said}" for finding in findings]
        (out / _REPORT).write_text("\n".join(lines) + "\n", "utf-8")
    except OSError as error:
        raise Rejected(f"cannot be written: {error.strerror}", where=str(out)) from None
    return kept


def _show(findings: Sequence[Finding]) -> None:
    from infra.commands.screen import show_table

    order = [Outcome.DECIDE, Outcome.CHANGED, Outcome.TAKEN, Outcome.UNNEEDED]
    rows = [
        (finding.outcome.value, finding.key, finding.said)
        for outcome in order
        for finding in findings
        if finding.outcome is outcome
    ]
    show_table("What became of each key", ("", "key", "what we did, and why"), rows)


def _say(plan: Adoption, total: int, out: Path) -> None:
    """Say what becomes of the exams; write each row into the report."""
    from infra.pylantir.databases.report import exam_lines, row_lines

    for line in exam_lines(plan, total):
        typer.echo(line)
    report = out / _REPORT
    try:
        with report.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in row_lines(plan))
    except OSError as error:
        raise Rejected(f"cannot be written: {error.strerror}", where=str(report)) from None


def _foretell(files: Sequence[Path], exams: Sequence[OldItem], users: Sequence[OldUser], out: Path) -> None:
    """Say what ``--apply`` would do with exams and users, and write nothing into the deployment."""
    if users:
        from infra.pylantir.databases.accounts import plan_accounts
        from infra.pylantir.databases.report import user_lines
        from lambdas.access.passwords import Passwords

        accounts = plan_accounts(users, Passwords())
        for line in user_lines(accounts, [account.username for account in accounts.accounts], ()):
            typer.echo(line)
    if not exams:
        return
    from infra.commands.environment import load
    from infra.pylantir.databases.worklist_import import plan_worklist
    from lambdas.settings import RedcapSettings
    from lambdas.sources.file import parse_definition
    from lambdas.store.sources import SourceStore

    try:
        from infra.commands.deployment import services

        definitions = [parse_definition(text_of(file)) for file in files]
        store = SourceStore(load(RedcapSettings).tables())
        plan = plan_worklist(exams, definitions, store, services().worklist, datetime.now(UTC))
    except MwlError as error:
        typer.echo(f"what becomes of each exam can be said when the sources have been synced: {error}")
        return
    _say(plan, len(exams), out)


def _apply(
    definitions: Sequence[SourceDefinition], exams: Sequence[OldItem], users: Sequence[OldUser], out: Path
) -> None:
    # Only --apply needs the deployment, whose libraries take a while to load.
    from infra.commands.deployment import services
    from infra.commands.environment import load
    from infra.pylantir.databases.worklist_import import plan_worklist, write_worklist
    from lambdas.settings import RedcapSettings
    from lambdas.store.sources import SourceStore

    settings = load(RedcapSettings)
    store = SourceStore(settings.tables())
    for definition in definitions:
        _store(definition, store, settings)
    if users:
        _import_users(users)
    if exams:
        if not definitions:
            raise Rejected("the configuration has no REDCap project, so there is no site to bring exams to")
        worklist = services().worklist
        plan = plan_worklist(exams, definitions, store, worklist, datetime.now(UTC))
        write_worklist(plan, worklist)
        _say(plan, len(exams), out)


def _store(definition: SourceDefinition, store: SourceStore, settings: RedcapSettings) -> None:
    from infra.pylantir.source_translation import PLACEHOLDER_URL
    from lambdas.store.audit.entry import COMMAND
    from lambdas.sync.connect import connector
    from lambdas.sync.project_check import check_project

    try:
        if store.find(definition.id).definition == definition:
            typer.echo(f"source {definition.id}: stored already")
            return
    except NotFound:
        pass
    if definition.url == PLACEHOLDER_URL:
        raise Rejected("url: still says example.org", where=f"source {definition.id}")
    connect = connector(settings, now=time.time, sleep=time.sleep, read_seconds=_READ_SECONDS)
    with closing(connect(definition)) as redcap:
        checked = check_project(definition, redcap, time.time()).check
    store.put(definition, by=COMMAND, checked=checked)
    typer.echo(f"source {definition.id}: stored; see mwl-cloud sources preview and sources list")


def _import_users(users: Sequence[OldUser]) -> None:
    from infra.commands.deployment import services
    from infra.pylantir.databases.accounts import import_accounts, plan_accounts
    from infra.pylantir.databases.report import user_lines

    deployment = services()
    plan = plan_accounts(users, deployment.passwords)
    made, there = import_accounts(plan, deployment.users)
    for line in user_lines(plan, made, there):
        typer.echo(line)
