"""What can go wrong, as a tree.

* CodelspError
  x DocumentError
    + UnknownDocumentError
    + PositionOutOfRangeError
  x EngineError
    + EngineUnavailableError
      - EngineLoadingError
    + EngineRefusedError
  x ModelError
    + ModelNotFoundError
    + ModelFileError
  x SettingsError
  x DraftError
  x PlaygroundError
  x PluginError
  x TrainingError
    + CorpusError
    + CheckpointError
  x EvaluationError
    + BenchmarkError
    + SandboxError

Every message says what is wrong and what to do about it.
What a user may do in the normal course of editing is not an error.
"""


class CodelspError(Exception):
    """Anything codelsp raises on purpose; its message is fit to be shown."""


class DocumentError(CodelspError):
    """The editor named a place that does not exist."""


class UnknownDocumentError(DocumentError):
    """The editor asked about a document that it has not opened."""


class PositionOutOfRangeError(DocumentError):
    """A line that the document does not have."""


class EngineError(CodelspError):
    """The engine did not do what was asked."""


class EngineUnavailableError(EngineError):
    """No engine answers: it could not be started, has died, or its URL is out of reach."""


class EngineLoadingError(EngineUnavailableError):
    """The engine answers, but its model is still being loaded."""


class EngineRefusedError(EngineError):
    """The engine understood the request and will not serve it."""


class ModelError(CodelspError):
    """A model cannot be used."""


class ModelNotFoundError(ModelError):
    """No model of this name, folder or file."""


class ModelFileError(ModelError):
    """A model's file is missing, truncated, damaged or of a refused kind."""


class SettingsError(CodelspError):
    """A setting given on the command line is wrong; elsewhere that is a problem to show."""


class DraftError(CodelspError):
    """There is nothing to write at this place, or what was written is not fit to be kept."""


class PlaygroundError(CodelspError):
    """The playground's page cannot be served."""


class PluginError(CodelspError):
    """A plugin cannot be put where its editor looks for it."""


class TrainingError(CodelspError):
    """A model, a tokenizer or a corpus cannot be made as asked."""


class CorpusError(TrainingError):
    """A source of text cannot be used, or nothing is left of it."""


class CheckpointError(TrainingError):
    """A checkpoint is incomplete, damaged, or belongs to another run, model or tokenizer."""


class EvaluationError(CodelspError):
    """Something cannot be measured as asked."""


class BenchmarkError(EvaluationError):
    """What is to be measured on is missing, damaged, or too little."""


class SandboxError(EvaluationError):
    """Generated code cannot be run apart from everything else here, so it is not run."""
