"""What cameras and recognisers send, as reads: one file a format, and no I/O in any of them.

parsed = platewatch.formats.parse("hikvision", body, headers, zone="Asia/Seoul")
parsed.reads, parsed.ignored, parsed.refused
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from platewatch.errors import FormatError
from platewatch.formats import (
    axis,
    codeproject_ai,
    dahua,
    fast_alpr,
    frigate,
    genetec,
    hikvision,
    milesight,
    ngsi_ld,
    nox_nvr,
    onvif,
    openalpr,
    plate_recognizer,
    platewatch,
    survision,
    tattile,
    ts_anpr,
    uniview,
    verkada,
)
from platewatch.formats import mapping as of_mapping
from platewatch.formats.charsets import inflated, known
from platewatch.formats.frame import Findings, Ignored, Parsed
from platewatch.formats.mapping import SenderMapping
from platewatch.formats.messages import Message
from platewatch.matching.values import Zone, zone_of

LATE_AFTER: Final = timedelta(seconds=60)
"""Age at its arrival from which on a read is late."""


class Format(NamedTuple):
    """A format; `about` says whose it is. `settles` is for senders that are known to send again whatever is not
    answered with 200: the body that they have to get even if all of a message is refused, b"" if any will do.
    """

    name: str
    about: str
    parse: Callable[[Message, Findings], None]
    settles: bytes | None = None


FORMATS: Final[Mapping[str, Format]] = {
    found.name: found
    for found in (
        Format("platewatch", "platewatch's own JSON: an object, an array, or one a line", platewatch.parse),
        Format("mapping", "JSON, XML, CSV, forms or key=value, as the configuration says", of_mapping.parse),
        Format("hikvision", "Hikvision ISAPI: pushes, alertStream, the poll of plates", hikvision.parse, b""),
        Format("dahua", "Dahua, Intelbras: eventManager, RPC2, ITSAPI, snapManager", dahua.parse, dahua.REPLY),
        Format("axis", "Axis License Plate Verifier, FF Group: pushes, VAPIX events, MQTT", axis.parse, b""),
        Format("ts_anpr", "TS-ANPR: JSON, CSV, XML or text of plates or objects", ts_anpr.parse),
        Format("nox_nvr", "NOX NVR: the webhook", nox_nvr.parse),
        Format("onvif", "ONVIF: events as JSON by MQTT, events and metadata as XML", onvif.parse),
        Format("ngsi_ld", "AnprFlowObserved of NGSI-LD and NGSIv2, in four encodings", ngsi_ld.parse),
        Format("milesight", "Milesight: JSON, and the packets of its TCP interface", milesight.parse),
        Format("plate_recognizer", "Plate Recognizer: Stream's webhook, Snapshot's answer", plate_recognizer.parse),
        Format("openalpr", "OpenALPR, Rekor: results, groups, alerts", openalpr.parse, b""),
        Format("frigate", "Frigate by MQTT: updates, events; frigate_plate_recognizer", frigate.parse),
        Format("uniview", "Uniview LAPI: cameras and recorders", uniview.parse),
        Format("survision", "Survision: anpr and trigger results", survision.parse),
        Format("tattile", "Tattile Vega: XML by TCP", tattile.parse),
        Format("genetec", "Genetec AutoVu", genetec.parse),
        Format("codeproject_ai", "CodeProject.AI: the answer of ALPR", codeproject_ai.parse),
        Format("fast_alpr", "fast-alpr: its results as JSON", fast_alpr.parse),
        Format("verkada", "Verkada: the webhook", verkada.parse),
    )
}
"""By name."""


def parse(
    name: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    *,
    target: str = "",
    zone: Zone | None = None,
    charset: str | None = None,
    received_at: datetime | None = None,
    late_after: timedelta | None = LATE_AFTER,
    mapping: SenderMapping | Mapping[str, Any] | None = None,
) -> Parsed:
    """The reads of one message of a format, and what else is in it.

    `target` is the request's path with its query, or the MQTT topic; a query's `camera_id` and `time` count where the
    message has none. `zone` is that of times without an offset: without it reads with such a time are refused.
    `charset` is that of texts that are neither UTF-8 nor say what they are. `received_at`, with an offset, is the time
    of reads that have none that is usable, and says which are late: those older than `late_after` then, if that is not
    None.
    `mapping` is for the format `mapping` only.

    Raises FormatError for a message that is not of this format, ZoneError for what is no zone, ConfigError for a
    mapping that is none.
    """
    if name not in FORMATS:
        raise FormatError(f"no format has this name; there are {', '.join(FORMATS)}", field="name")
    if received_at is not None and received_at.utcoffset() is None:
        raise FormatError("has no offset from UTC", field="received_at")
    by_name = {key.lower(): value for key, value in (headers or {}).items()}
    message = Message(
        inflated(body, by_name),
        by_name,
        target,
        None if zone is None else zone_of(zone),
        None if charset is None else known(charset),
        received_at,
    )
    found = Findings(message, late_after)
    if name == "mapping":
        of_mapping.parse(message, found, mapping)
    else:
        FORMATS[name].parse(message, found)
    return found.finished()


__all__ = ["FORMATS", "LATE_AFTER", "Format", "FormatError", "Ignored", "Parsed", "SenderMapping", "parse"]
