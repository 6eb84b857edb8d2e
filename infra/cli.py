"""The command ``mwl-cloud``: the local stack, and the administration of a deployment.

Administration talks to the deployment's own tables with your AWS credentials; WORKLIST_TABLE and
ACCOUNTS_TABLE name them (``sam list stack-outputs`` shows both). Exit codes:
`shared.errors`. Errors are one line on stderr.

Commands import what they need when they are called, here and in `infra.commands`: help, completion and the
small commands must not wait for the libraries of the large ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_relay.commands.options import version_option
from infra.commands.history.commands import history
from infra.commands.restore import restore
from infra.commands.signing.keys import keys
from infra.commands.sources import sources
from infra.commands.telling.notices import notices
from infra.commands.telling.unended import list_unended
from infra.commands.tools import reported, text_of
from infra.commands.users import users
from infra.commands.write_backs import write_backs
from infra.local.options import SOURCE_FILE, ApiPort, AwsPort, DicomPort, RedcapPort
from shared.errors import EXIT_CODES_HELP, NotFound, Rejected

if TYPE_CHECKING:
    from lambdas.store.accounts.relays import Heartbeat

app = typer.Typer(
    name="mwl-cloud",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="""mwl-relay's cloud side: try it here (mwl-cloud local), or administer a deployment.

    A new deployment: mwl-cloud users create NAME --role admin; mwl-cloud sources apply FILE; mwl-cloud
    relays enroll SITE, and give the code to whoever sets up the relay.""",
    epilog=EXIT_CODES_HELP,
)
relays = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The relays near the scanners.")
scanners = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Overrides of the scanner profiles in a relay's own file.",
)
relays.add_typer(scanners, name="scanners")
_GROUPS = (
    ("users", users),
    ("sources", sources),
    ("relays", relays),
    ("write-backs", write_backs),
    ("notices", notices),
    ("keys", keys),
    ("restore", restore),
    ("history", history),
)
for name, group in _GROUPS:
    app.add_typer(group, name=name)
app.command("unended")(list_unended)


@app.callback()
def _options_of_all(
    version: Annotated[bool, version_option("mwl-cloud")] = False,
) -> None:
    pass


RelayId = Annotated[str, typer.Argument(help="See: mwl-cloud relays list")]


@app.command()
def local(
    port: ApiPort = 0,
    redcap_port: RedcapPort = 0,
    dicom_port: DicomPort = 0,
    aws_port: AwsPort = 0,
    folder: Annotated[Path, typer.Option(help="Everything is written here, and only here.")] = Path(".local"),
    source: Annotated[
        Path, typer.Option(help="How REDCap's rows become items.", show_default="infra/sources/classic.toml")
    ] = SOURCE_FILE,
) -> None:
    """Run everything on this machine until Ctrl-C: cloud, REDCap simulator (or your REDCap), relay."""
    from infra.local import demo

    demo.serve(
        demo.options_from(folder, port, redcap_port, dicom_port, aws_port, source), once=False, story=False
    )


@app.command("import-pylantir")
def import_pylantir(  # noqa: PLR0917 - each is an option
    config: Annotated[Path, typer.Argument(help="pylantir's configuration, JSON, of 0.2 or 0.4.")],
    out: Annotated[
        Path, typer.Option(help="Where to write; what is there already is kept and used as it is.")
    ] = Path("from-pylantir"),
    time_zone: Annotated[str, typer.Option(help="The scanners' time zone, like Europe/Oslo.")] = "",
    cloud_url: Annotated[str, typer.Option(help="Where our API is, for the relay.")] = "",
    ae_title: Annotated[str, typer.Option(help="What pylantir was started with: --AEtitle.")] = "MWL_SERVER",
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="What pylantir was started with: --port.")
    ] = 4242,
    worklist_db: Annotated[
        Path | None, typer.Option(help="pylantir's worklist.db: exams and status.")
    ] = None,
    users_db: Annotated[Path | None, typer.Option(help="pylantir's users.db: people.")] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Store it; without this only files are written.")
    ] = False,
) -> None:
    """Turn pylantir's configuration into ours, and say what became of each key.

    With REDCAP_API_URL and REDCAP_API_TOKEN set, as for pylantir, the project itself is asked for its fields.
    """
    from infra.pylantir.importing import Request, run_import

    with reported():
        run_import(Request(config, out, time_zone, cloud_url, ae_title, port, worklist_db, users_db, apply))


@app.command()
def evidence(
    file: Annotated[
        Path, typer.Argument(help="CSV: patient_id, and accession_number or study_instance_uid; see docs.")
    ],
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without this, only look.")] = False,
) -> None:
    """Complete exams whose images have arrived, by a list of an archive (PACS): for scanners without MPPS.

    Without --apply it says what would be done. A line of another Patient ID completes nothing.
    """
    from datetime import UTC, datetime

    from infra.commands.deployment import completions, worklist_store
    from infra.commands.evidence.completing import verdicts
    from infra.commands.evidence.images_list import lines_of
    from infra.commands.screen import show_table

    with reported():
        worklist, now = worklist_store(), datetime.now(UTC)
        found = list(verdicts(lines_of(text_of(file)), worklist, completions(worklist), now, apply=apply))
        rows = [(str(each.line), each.site, each.item_id, each.said) for each in found]
        show_table("Exams", ("line", "site", "item", "outcome"), rows)
        done = sum(each.completed for each in found)
        typer.echo(f"{done} of {len(found)} {'completed' if apply else 'would be completed: add --apply'}")


@relays.command("enroll")
def enroll_relay(site: Annotated[str, typer.Argument(help="The site the relay will serve.")]) -> None:
    """Make a code that enrols one relay, once, within 15 minutes."""
    from infra.commands.deployment import relay_store
    from lambdas.store.audit.entry import COMMAND

    with reported():
        code, expires = relay_store().invite(site, by=COMMAND)
        typer.echo(f"mwl-relay enroll {code}")
        typer.echo(f"good for one relay of site {site}, until {expires:%H:%M} UTC")


@relays.command("list")
def list_relays(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List all relays: when each last sent a heartbeat, and what needs attention."""
    from infra.commands.deployment import relay_store
    from infra.commands.screen import show_table

    with reported():
        store = relay_store()
        heartbeats = store.heartbeats()
        known = [(relay, heartbeats.get(relay.relay_id)) for relay in store.all()]
        if as_json:
            import json

            found = [
                relay.model_dump(mode="json", exclude={"public_key"}) | _last_heard(heartbeat)
                for relay, heartbeat in known
            ]
            typer.echo(json.dumps(found, indent=2))
            return
        rows = []
        for relay, heartbeat in known:
            problems = heartbeat.health.all_problems if heartbeat else ()
            state = "revoked" if relay.revoked_at else "\n".join(problems)
            heard = heartbeat.seen_at.isoformat(sep=" ", timespec="seconds") if heartbeat else "never"
            version = heartbeat.health.version if heartbeat else ""
            rows.append((relay.relay_id, relay.site, relay.name, heard, version, state))
        show_table("Relays", ("relay", "site", "name", "last seen", "version", "attention"), rows)


def _last_heard(heartbeat: Heartbeat | None) -> dict[str, object]:
    if heartbeat is None:
        return {"last_seen_at": None, "health": None}
    return {
        "last_seen_at": heartbeat.seen_at.isoformat(),
        "health": heartbeat.health.model_dump(mode="json"),
    }


@relays.command("test")
def test_relays(site: Annotated[str, typer.Argument(help="Test every relay of this site.")]) -> None:
    """Send a test participant through cloud, relay and DICOM and back; see which hops it reached.

    No scanner is shown it, and REDCap is not told of it. Exit code 1 if it did not come all the way.
    """
    from infra.commands.deployment import relay_store, self_test_store
    from infra.commands.relays.self_test import HEADINGS, lines, tested_relays
    from infra.commands.screen import show_table

    with reported():
        tested = tested_relays(site, relay_store(), self_test_store())
        for each in tested:
            show_table(f"Relay {each.relay.name}", HEADINGS, list(lines(each)))
        if not all(each.passed for each in tested):
            raise typer.Exit(1)


@relays.command("revoke")
def revoke_relay(relay_id: RelayId) -> None:
    """Revoke a relay: the cloud refuses its calls from now on."""
    from infra.commands.deployment import relay_store
    from lambdas.store.audit.entry import COMMAND

    with reported():
        relay_store().revoke(relay_id, by=COMMAND)
        typer.echo("revoked")


@scanners.command("show")
def show_scanners(relay_id: RelayId) -> None:
    """Print the overrides in the form that apply reads; on stderr, whether the relay uses them."""
    from infra.commands.deployment import relay_store
    from infra.commands.scanner_file import shown

    with reported():
        store = relay_store()
        if store.find(relay_id) is None:
            raise NotFound("no such relay")
        configuration, version = store.configuration(relay_id)
        typer.echo(shown(configuration.overrides))
        heartbeat = store.heartbeat(relay_id)
        held = heartbeat.health.profiles_version if heartbeat else ""
        state = "the relay has it" if held == version else f"the relay has version {held or 'none'}"
        typer.echo(f"version {version}, by {configuration.changed_by or 'nobody'}; {state}", err=True)
        for problem in heartbeat.health.profile_problems if heartbeat else ():
            typer.echo(f"not taken: {problem}", err=True)


@scanners.command("apply")
def apply_scanners(
    relay_id: RelayId,
    file: Annotated[Path, typer.Argument(help="All overrides of this relay, TOML or JSON.")],
) -> None:
    """Override the profiles of a relay's scanners. What FILE leaves out is as in the relay's own file."""
    from infra.commands.deployment import relay_store
    from infra.commands.scanner_file import parse_overrides
    from lambdas.store.audit.entry import COMMAND

    with reported():
        try:
            overrides = parse_overrides(text_of(file))
        except Rejected as error:
            raise Rejected(error.what, where=error.where or str(file)) from None
        relay_store().configure(relay_id, overrides, by=COMMAND)
        typer.echo(f"stored; the relay hears of it soon: mwl-cloud relays scanners show {relay_id}")


if __name__ == "__main__":
    app()
