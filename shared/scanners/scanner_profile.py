"""One scanner's profile: its AE title, which exams it sees, and how it uses DICOM.

Written in the relay's configuration, one ``[[scanners]]`` table each; the cloud may override it (see
`ScannerOverride`). "Its own exams" are those that pass every selection below; the scanner's query then
narrows them further.

    relay.toml           ScannerProfile, what is not written is default
    the cloud's word     ScannerOverride, what is not given stays as relay.toml has it
    both together        overridden(profile, override)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from shared.dicom.character_sets import CharacterSetTerms
from shared.dicom.dicom_text import AE, CS, LO, SH
from shared.errors import Rejected
from shared.scanners.limits import MOST_SCANNERS
from shared.text.spelling import did_you_mean, keys_at
from shared.worklist_item import OPEN_STATUSES, Status

MOST_DAYS: Final = 3650


def _keyword(text: str) -> str:
    # pydicom takes a while to load, and most profiles name no keyword.
    from pydicom.datadict import tag_for_keyword  # noqa: PLC0415

    if not text or tag_for_keyword(text) is None:  # pydicom's dictionary has attributes without a keyword
        raise Rejected(f"is not the keyword of a DICOM attribute, like PatientWeight{_like(text)}")
    return text


def _like(keyword: str) -> str:
    from pydicom.datadict import keyword_dict  # noqa: PLC0415  (as above)

    return did_you_mean(keyword, keyword_dict)


Keyword = Annotated[str, AfterValidator(_keyword)]
Days = Annotated[int, Field(ge=0, le=MOST_DAYS)]


def _shown(statuses: frozenset[Status]) -> frozenset[Status]:
    if Status.NO_SHOW in statuses:
        raise Rejected("NO_SHOW is never shown to scanners")
    return statuses


Statuses = Annotated[
    frozenset[Status],
    Field(min_length=1),
    AfterValidator(_shown),
    # In order, so that the same profile is always the same text.
    PlainSerializer(sorted, when_used="json"),
]
MppsReading = Literal["strict", "lenient"]


class ScannerProfile(BaseModel):
    """One ``[[scanners]]`` table: a scanner that may connect."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", hide_input_in_errors=True)

    ae_title: AE = Field(description="Its calling AE title; other titles are refused (reject reason 3).")
    ignore_ae_title_case: bool = Field(
        False,
        description="AE titles match whatever their case: its own, as it calls and as it asks for its exams, "
        "and the relay's, as it calls it.",
    )
    addresses: tuple[IPvAnyNetwork, ...] = Field(
        (),
        description="Addresses it may call from, e.g. 10.1.2.3 or 10.1.2.0/24; empty: from anywhere.",
    )
    max_associations: int = Field(32, ge=1, le=1024, description="Maximum number of its open associations.")
    station_ae_titles: tuple[AE, ...] = Field(
        (),
        description="Scheduled Station AE Titles of this scanner, besides its own AE title: a query for its "
        "own finds these too.",
    )
    station_names: tuple[SH, ...] = Field(
        (), description="Scheduled Station Names of this scanner: exams booked for them are its own too."
    )
    restrict_to_station: bool | None = Field(
        None,
        description="Show only exams booked for this scanner's stations, whatever it asks for. Default: "
        "true if station_ae_titles or station_names are given, else false.",
    )
    modalities: tuple[CS, ...] = Field((), description="Show only these modalities; empty: all.")
    days_back: Days = Field(
        1, description=f"Show exams from this many days before today; {MOST_DAYS}, the most, is ten years."
    )
    days_ahead: Days = Field(
        30, description=f"Show exams up to this many days after today; at most {MOST_DAYS}."
    )
    statuses: Statuses = Field(
        OPEN_STATUSES,
        description="Show exams with these statuses; a query for a status searches all statuses but NO_SHOW.",
    )
    mpps: MppsReading = Field(
        "lenient",
        description="strict: refuse MPPS messages that lack what the standard requires. lenient: take them, "
        "and record what was wrong.",
    )
    charset: CharacterSetTerms | None = Field(
        None,
        description="Character set of the answers it gets, e.g. 'ISO_IR 100'; several ISO 2022 sets are "
        "joined by a backslash. Default: charset of [relay].",
    )
    ignore_accents: bool = Field(False, description="A query for 'Müller' also finds 'Muller'.")
    combine_date_and_time: bool = Field(
        True,
        description="true: a date range with a time range is one interval, as the standard says; false: the "
        "time range applies to each day.",
    )
    extra_attributes: tuple[Keyword, ...] = Field(
        (), description="Keywords of attributes sent even if a query does not ask, e.g. PatientWeight."
    )
    suppressed_attributes: tuple[Keyword, ...] = Field(
        (), description="Keywords of attributes never sent, even if a query asks, e.g. MedicalAlerts."
    )
    fixed_values: dict[Keyword, LO] = Field(
        {},
        description="Values of attributes that no item must have, e.g. InstitutionName; they take the place "
        "of the item's own.",
    )

    images_from: AE | None = Field(
        None,
        description="For a scanner without MPPS: the AE title of the archive ([[archives]]) that is asked "
        "whether images of its exams have arrived; they are then completed. Default: it reports by itself.",
    )

    @property
    def stations(self) -> frozenset[str]:
        """All Scheduled Station AE Titles it stands for."""
        return frozenset((self.ae_title, *self.station_ae_titles))

    def own_titles(self, asked: Iterable[str]) -> frozenset[str]:
        """Return AE titles as asked for; its own as the profile has them, if their case does not matter."""
        if not self.ignore_ae_title_case:
            return frozenset(asked)
        own = {title.upper(): title for title in self.stations}
        return frozenset(own.get(title.upper(), title) for title in asked)

    @property
    def restricted(self) -> bool:
        """Whether it sees nothing but what is booked for a station it stands for."""
        if self.restrict_to_station is not None:
            return self.restrict_to_station
        return bool(self.station_ae_titles or self.station_names)

    @property
    def names_attributes(self) -> bool:
        """Whether it changes which attributes are sent."""
        return bool(self.extra_attributes or self.suppressed_attributes or self.fixed_values)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> ScannerProfile:
        _check_attributes(self.extra_attributes, self.suppressed_attributes, self.fixed_values)
        return self


class ScannerOverride(BaseModel):
    """What the cloud says of one scanner, in place of the relay's own file.

    A value that is not given leaves the file's. ``null`` is given: it means the default, whatever the file
    says. A list or table that is given replaces the file's as a whole. From where a scanner may call and how
    often are the hospital's to say, so neither is here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ae_title: AE
    ignore_ae_title_case: bool | None = None
    station_ae_titles: tuple[AE, ...] | None = None
    station_names: tuple[SH, ...] | None = None
    restrict_to_station: bool | None = None
    modalities: tuple[CS, ...] | None = None
    days_back: Days | None = None
    days_ahead: Days | None = None
    statuses: Statuses | None = None
    mpps: MppsReading | None = None
    charset: CharacterSetTerms | None = None
    ignore_accents: bool | None = None
    combine_date_and_time: bool | None = None
    extra_attributes: tuple[Keyword, ...] | None = None
    suppressed_attributes: tuple[Keyword, ...] | None = None
    fixed_values: dict[Keyword, LO] | None = None
    images_from: AE | None = None

    def given(self) -> frozenset[str]:
        """Return the names of the profile's fields that this says anything about."""
        return frozenset(self.model_fields_set - {"ae_title"})

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> ScannerOverride:
        _check_attributes(self.extra_attributes, self.suppressed_attributes, self.fixed_values)
        return self

    @model_serializer(mode="wrap")
    def _only_what_is_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Written out, a value that was not given would come back as null, which means another thing.
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}


def _each_once(overrides: tuple[ScannerOverride, ...]) -> tuple[ScannerOverride, ...]:
    check_listed_once(override.ae_title for override in overrides)
    return overrides


class ScannerOverrides(BaseModel):
    """What the cloud says of a relay's scanners, each at most once."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    scanners: Annotated[
        tuple[ScannerOverride, ...], Field(max_length=MOST_SCANNERS), AfterValidator(_each_once)
    ] = ()


def overridden(profile: ScannerProfile, override: ScannerOverride) -> ScannerProfile:
    """Return a profile with what the cloud says in place of its own.

    :raises Rejected: they are of different scanners, or contradict each other; names the field.
    """
    if profile.ae_title != override.ae_title:
        raise Rejected("the override belongs to another scanner", where="ae_title")
    fields: dict[str, Any] = {name: getattr(profile, name) for name in profile.model_fields_set}
    for name in override.given():
        value = getattr(override, name)
        if value is None:
            fields.pop(name, None)
        else:
            fields[name] = value
    try:
        return ScannerProfile.model_validate(fields)
    except ValidationError as error:
        raise Rejected(reasons(error)) from None


def check_listed_once(titles: Iterable[str]) -> None:
    """Raise `Rejected` naming an AE title that is listed twice."""
    listed: set[str] = set()
    for title in titles:
        if title in listed:
            raise Rejected(f"AE title {title} is listed twice")
        listed.add(title)


def reasons(error: ValidationError, model: type[BaseModel] = ScannerProfile) -> str:
    """Return what is wrong, each as ``field: reason``, without the values.

    :param model: what was validated: its keys are suggested for one that does not exist.
    """
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(_reason(each, model) for each in found)


def _reason(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    location = error["loc"]
    said = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        said = f"there is no such setting{did_you_mean(str(location[-1]), keys_at(model, location[:-1]))}"
    key = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in location)
    return f"{key.lstrip('.')}: {said}" if key else said


def _check_attributes(
    extra: tuple[str, ...] | None, suppressed: tuple[str, ...] | None, fixed: Mapping[str, str] | None
) -> None:
    unwanted = frozenset(suppressed or ())
    for name, sent in (("extra_attributes", extra), ("fixed_values", fixed)):
        both = sorted(unwanted.intersection(sent or ()))
        if both:
            raise Rejected(f"suppressed_attributes: {both[0]} is in {name} too")
