from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class PredictRequest(_message.Message):
    __slots__ = ("speechiness", "energy", "danceability", "acousticness")
    SPEECHINESS_FIELD_NUMBER: _ClassVar[int]
    ENERGY_FIELD_NUMBER: _ClassVar[int]
    DANCEABILITY_FIELD_NUMBER: _ClassVar[int]
    ACOUSTICNESS_FIELD_NUMBER: _ClassVar[int]
    speechiness: float
    energy: float
    danceability: float
    acousticness: float
    def __init__(self, speechiness: _Optional[float] = ..., energy: _Optional[float] = ..., danceability: _Optional[float] = ..., acousticness: _Optional[float] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("int_output", "str_output")
    INT_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    STR_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    int_output: bool
    str_output: str
    def __init__(self, int_output: _Optional[bool] = ..., str_output: _Optional[str] = ...) -> None: ...
