"""Keep records on disk."""

from comfy_api.latest import io

from ..guidance.record import file as record_file
from ..guidance.record.record import Record
from .ui.files import FileLoader, FileName, file_input, input_file, output_file, prefix_input, saved
from .ui.schema import schema
from .ui.types import CATEGORY, RecordIO


class SaveRecord(io.ComfyNode):
    """Write a record into the output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceSaveRecord",
            aliases=["export record"],
            display_name="Self-Guidance Save Record",
            category=CATEGORY,
            description="Writes a record into ComfyUI's output folder, so that its run can be the "
            "reference of terms another day.",
            inputs=[
                RecordIO.Input("record", tooltip="From a Self-Guidance KSampler or Record Image."),
                prefix_input("self_guidance/record"),
            ],
            outputs=[
                FileName.Output(
                    display_name="file", tooltip="Name of the file, as Load Record takes it."
                )
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, record: Record, filename_prefix: str) -> io.NodeOutput:
        """Write the file."""
        path = output_file(filename_prefix)
        record_file.save(path, record)
        return saved(cls, path)


class LoadRecord(FileLoader):
    """Read a record from the input or output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceLoadRecord",
            aliases=["import record"],
            display_name="Self-Guidance Load Record",
            category=CATEGORY,
            description="Reads a record that Self-Guidance Save Record wrote, from ComfyUI's "
            "output or input folder. Press R to see files that were added meanwhile.",
            inputs=[file_input()],
            outputs=[
                RecordIO.Output(
                    display_name="record", tooltip="The record, for previews and as a reference."
                )
            ],
        )

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        """Read the file."""
        return io.NodeOutput(record_file.load(input_file(file)))
