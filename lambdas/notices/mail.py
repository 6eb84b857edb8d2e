"""A message by e-mail: through Amazon SES, or through a mail server of the house."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.notices.ledger import Message
from lambdas.notices.subscription import Subscription
from lambdas.notices.text import body, subject
from shared.errors import Unavailable

SECONDS: Final = 10.0
_HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Mailer(Protocol):
    """Sends one mail; raises `Unavailable` if it was not taken."""

    def send(self, mail: EmailMessage) -> None:
        """Send it."""


def mail_of(message: Message, subscription: Subscription, *, sender: str, base: str) -> EmailMessage:
    """Return a message as a mail; sent twice it has the same Message-ID."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = sender, subscription.target
    mail["Subject"] = subject(message, subscription.site)
    mail["Date"] = format_datetime(message.made_at)
    mail["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2] or 'mwl-relay.invalid'}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer of an absent person, please
    mail.set_content(body(message, subscription.site, base))
    return mail


class SesMailer:
    """Amazon SES.

    :param client: returns boto3's ``sesv2`` client; not asked before it is needed.
    """

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client

    def send(self, mail: EmailMessage) -> None:
        """Send it as it is."""
        try:
            self._client().send_email(
                FromEmailAddress=str(mail["From"]),
                Destination={"ToAddresses": [str(mail["To"])]},
                Content={"Raw": {"Data": mail.as_bytes()}},
            )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "an error")
            raise Unavailable(f"SES answered {code}", hint="are sender and recipient verified?") from None
        except BotoCoreError as error:
            raise Unavailable(f"SES could not be reached: {type(error).__name__}") from None


class SmtpMailer:
    """A mail server, with TLS unless it is on this machine.

    :param host: its name; ``port``: where it listens.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    def send(self, mail: EmailMessage) -> None:
        """Send it."""
        try:
            with smtplib.SMTP(self._host, self._port, timeout=SECONDS) as server:
                if self._host not in _HERE:
                    server.starttls(context=ssl.create_default_context())
                server.send_message(mail)
        except smtplib.SMTPResponseException as error:
            raise Unavailable(f"the mail server answered {error.smtp_code}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(f"the mail server did not take it: {type(error).__name__}") from None
