"""What kind of data is the doctor shown? Videos of people, or a robot's data set."""

from argparse import Namespace
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapt.data.sources import is_robot_data
from pipelines.asked import place
from pipelines.engines import Workers

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came of it.

    Attributes:
        words: For people.
        record: For programs.
        is_usable: Whether an adaptation could begin with what there is.
    """

    words: "RenderableType"
    record: dict[str, Any]
    is_usable: bool


def examine(arguments: Namespace, workers: Workers) -> Told:
    """Examine what the words of the command name.

    Raises:
        AdaptError: It cannot be examined.
    """
    if is_robot_data(place(arguments.source)):
        from pipelines import doctor_robot, doctor_robot_words

        robot = doctor_robot.run(doctor_robot.question(arguments))
        words = doctor_robot_words.show(robot)
        return Told(words=words, record=doctor_robot.to_json(robot), is_usable=robot.report.is_usable)
    from pipelines import doctor, doctor_words

    human = doctor.run(doctor.question(arguments), workers)
    return Told(words=doctor_words.show(human), record=doctor.to_json(human), is_usable=human.report.is_usable)
