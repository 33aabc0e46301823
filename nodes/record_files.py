"""Keep records on disk."""

from functools import partial

from comfy_api.latest import io

from ..guidance.record import file as record_file
from ..guidance.record.record import Record
from .ui.files import FileLoader, input_file, loader_schema, save, saver_schema
from .ui.types import RecordIO


class SaveRecord(io.ComfyNode):
    """Write a record into the output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return saver_schema(
            "SelfGuidanceSaveRecord",
            RecordIO.Input("record", tooltip="From a Self-Guidance KSampler or Record Image."),
            prefix="self_guidance/record",
            description="Writes a record into ComfyUI's output folder, so that its run can be the "
            "reference of terms another day.",
        )

    @classmethod
    def execute(cls, record: Record, filename_prefix: str) -> io.NodeOutput:
        """Write the file."""
        return save(cls, filename_prefix, partial(record_file.save, record=record))


class LoadRecord(FileLoader):
    """Read a record from the input or output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return loader_schema(
            "SelfGuidanceLoadRecord",
            RecordIO.Output(
                display_name="record", tooltip="The record, for previews and as a reference."
            ),
            description="Reads a record that Self-Guidance Save Record wrote, from ComfyUI's "
            "output or input folder. Press R to see files that were added meanwhile.",
        )

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        """Read the file."""
        return io.NodeOutput(record_file.load(input_file(file)))
