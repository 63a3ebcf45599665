"""What does a recipe decide? The typed config of one adaptation, composed from YAML files by name or by path."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapt.data.windows import WindowConfig
from adapt.evaluate.settings import EvaluateConfig
from adapt.evaluate.study_settings import StudyConfig
from adapt.footage.settings import FootageConfig
from adapt.hands.quality import HandConfig
from adapt.models.lora import LoraConfig
from adapt.train.settings import TrainConfig
from pipelines.recipes import compose_as


@dataclass(slots=True, kw_only=True)
class AdaptConfig:
    """Everything that decides an adaptation, besides its data and its robot.

    Args:
        base: The base model: "tiny", which ships with the package, or the folder of another base.
        seed: Seed of everything drawn at random.
        windows: How videos are cut into training windows, and how these are split.
        hands: Which windows of a human video are kept, by the hands in them.
        footage: Which windows of a human video are kept, by the picture: cuts, copies, light, blur, panels, bars.
        lora: Low-rank adapters on the video transformer.
        train: Fine-tuning of the adapters and the heads.
        evaluate: How the adapted model is judged.
        study: How it is found out what the new data taught, and what training alone did.
    """

    base: str = "tiny"
    seed: int = 0
    windows: WindowConfig = field(default_factory=WindowConfig)
    hands: HandConfig = field(default_factory=HandConfig)
    footage: FootageConfig = field(default_factory=FootageConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    study: StudyConfig = field(default_factory=StudyConfig)


def compose(recipe: str, overrides: Sequence[str] = ()) -> AdaptConfig:
    """The config of a recipe.

    Args:
        recipe: The name of a recipe ("human", "play", "demo"), or the path of a YAML file.
        overrides: "key=value" for one key ("train.steps=500"), "group=choice" for a file ("lora=attention").

    Returns:
        The config, checked.

    Raises:
        RecipeError: The recipe, a group, a key or a value is not one that exists; names file, key and nearest key.
    """
    return compose_as(AdaptConfig, recipe, overrides).config
