"""`platewatch explain`: why a match has its probability, in words."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.cells import cell_len

from platewatch._core import is_pattern, normalize, parse
from platewatch.cli.common import (
    ErrorRate,
    PopulationFile,
    errors_to_exit,
    fail,
    load_model,
    percent,
    warn_of_other_vehicles,
)
from platewatch.errors import PlatewatchError
from platewatch.matching.reads import Read, ReadDecoder
from platewatch.probability.channel_model import ChannelModel, Event, Explanation
from platewatch.sources.files import row_of_text, to_read

_HAPPENED: Final = {
    "right": "read right",
    "wrong": "taken for another",
    "deletion": "not read",
    "split": "read as two",
    "merge": "two read as one",
    "insertion": "read, but not on the plate",
    "mark": "a mark read in its place",
    "separator": "a mark, which says nothing",
    "region loss": "region mark not read",
    "confidence": "the recogniser is so sure of the whole",
    "mark omitted": "the list omits the mark",
}
_LARGEST_LOG: Final = 50.0  # nothing is told apart beyond


def explain(
    read: Annotated[str, typer.Argument(help="What the camera read: a plate, or a read as a JSON object.")],
    plate: Annotated[str, typer.Argument(help="The wanted plate.")],
    *,
    engine: Annotated[str | None, typer.Option(help="The recogniser; the read's own if left out.")] = None,
    model: Annotated[Path | None, typer.Option(help="Channel model; the one that is shipped if left out.")] = None,
    population: PopulationFile = None,
    error_rate: ErrorRate = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; its logarithms are natural.")] = False,
) -> None:
    """Explain how probable it is that a vehicle read so has the wanted plate.

    The plate is weighed as if it were the only one listed: beside similar ones, its probability in a match is less. It
    is weighed against the vehicles of the population, and a warning says if it is of none of their classes.
    """
    channel = load_model(model, population, error_rate)
    with errors_to_exit():
        shown = to_read(row_of_text(read.encode(errors="surrogateescape")), ReadDecoder())
        if engine is not None:
            shown = msgspec.structs.replace(shown, engine=engine)
        if is_pattern(plate):
            fail("the wanted plate is a pattern; only a whole plate can be explained")
        try:
            wanted = normalize(plate)
        except PlatewatchError as error:
            fail(f"wanted plate: {error.reason}")
        explanation = channel.explain(shown, wanted)
        warn_of_other_vehicles(channel.population, [wanted], "the wanted")
        if as_json:
            found = {"read": normalize(shown.text, read=True), "plate": wanted, "engine": shown.engine}
            print(msgspec.json.encode(found | msgspec.to_builtins(explanation)).decode())
        else:
            _print(shown, wanted, channel, explanation)


def _print(read: Read, wanted: str, channel: ChannelModel, explanation: Explanation) -> None:
    own = read.camera_id in channel.cameras
    recogniser = read.engine or "not given"
    if not own and read.engine not in channel.engines:
        recogniser += ": the rates are those of all together"
    print(f"read        {normalize(read.text, read=True)}")
    print(f"plate       {wanted} ({parse(wanted).kind})")
    print(f"recogniser  {recogniser}")
    if own:
        print(f"camera      {read.camera_id}: the rates are its own")
    print("frame       quality  probability if it shows this plate  so often  of which misread")
    for frame in explanation.frames:
        print(
            f"            {frame.quality:7}  {frame.probability:34.2f}  {percent(frame.share):>8}"
            f"  {percent(frame.error_rate):>15}"
        )
    print()

    likeliest = (
        explanation.log_text + explanation.log_frame + sum(event.log_probability for event in explanation.events)
    )
    text: list[list[str]] = []
    if read.candidates:
        told = "this text of those that the recogniser gives"
        text = [["", explanation.text, told, _factor(explanation.log_text), f"{explanation.log_text:.2f}"]]
    _print_table(
        ["plate", "read", "what happened", "factor", "log"],
        *text,
        ["", "", f"the frame is {explanation.frame}", _factor(explanation.log_frame), f"{explanation.log_frame:.2f}"],
        *(_row(event) for event in explanation.events),
        ["", "", "together", _factor(likeliest), f"{likeliest:.2f}"],
    )
    print("\nA factor says how often this happens to such a character: 0.01 is once in a hundred.")
    if read.chars:
        print("The recogniser's own doubts and alternatives count in it: where they speak for it, it may be above 1.")

    ours, others = explanation.log_likelihood, explanation.log_others
    print("\nIf every vehicle passed once, how often would the camera read just this?\n")
    _print_table(
        ["this plate, in any frame and in any way", "", "", _factor(ours), f"{ours:.2f}"],
        ["all other vehicles, and signs that are no plate", "", "", _factor(others), f"{others:.2f}"],
    )
    print(
        f"\nSo {percent(explanation.probability)} of the reads like this one are of this plate:"
        f" {_factor(ours)} against {_factor(others)}."
    )


def _print_table(*rows: list[str]) -> None:
    """Columns as wide as they need to be, those of numbers to the right."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        gaps = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        texts = [cell + gap for cell, gap in zip(row[:3], gaps[:3], strict=True)]
        numbers = [gap + cell for cell, gap in zip(row[3:], gaps[3:], strict=True)]
        print("  ".join(cell for cell in texts + numbers if cell))


def _row(event: Event) -> list[str]:
    log = event.log_probability
    return [event.plate or "·", event.read or "·", _HAPPENED[event.kind], _factor(log), f"{log:.2f}"]


def _factor(log: float) -> str:
    """The number with this logarithm, to two digits: `3,100`, `0.94`, `0.0026`, `1/7,200`."""
    if log < math.log(0.001):
        return f"1/{_factor(-log)}"
    value = float(f"{math.exp(min(log, _LARGEST_LOG)):.2g}")
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
