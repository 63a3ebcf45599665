"""Every exception a user can meet, in one screen.

AdaptError
|-- RecipeError      the recipe asks for something impossible, or a key is unknown
|-- MediaError       a video could not be read as promised
|-- DataError        a folder, data set or table is not what it should be
|-- EmbodimentError  a robot's spec is wrong, or does not fit its data
|-- CheckpointError  stored weights do not fit this model
|-- BundleError      a bundle is damaged, too new, or belongs to another base
|-- CardError        a model card claims what the run did not record
|-- HubError         the Hub refused, or is not what was asked for
|-- SimulatorError   the tabletop cannot be opened here, or was asked for something it does not have
|-- ServeError       a policy server or its client was sent, or told, what it cannot take
`-- RunError         a run folder is locked, incomplete or inconsistent

A message says three things: what was asked (file, key or stage first), what was found (with the value), and
one remedy that works.
"""


class AdaptError(Exception):
    """Base of every error meant for the user; shown without a traceback."""


class RecipeError(AdaptError):
    """The recipe asks for something impossible, or a key is unknown."""


class MediaError(AdaptError):
    """A video could not be read as promised."""


class DataError(AdaptError):
    """A folder, data set or table is not what it should be."""


class EmbodimentError(AdaptError):
    """A robot's spec is wrong, or does not fit its data."""


class CheckpointError(AdaptError):
    """Stored weights do not fit this model."""


class BundleError(AdaptError):
    """A bundle is damaged, too new, or belongs to another base."""


class CardError(AdaptError):
    """A model card claims what the run did not record."""


class HubError(AdaptError):
    """The Hub refused, or is not what was asked for."""


class SimulatorError(AdaptError):
    """The tabletop cannot be opened here, or was asked for something it does not have."""


class ServeError(AdaptError):
    """A policy server or its client was sent, or told, what it cannot take."""


class RunError(AdaptError):
    """A run folder is locked, incomplete or inconsistent."""
