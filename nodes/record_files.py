"""Keep records on disk."""

from comfy_api.latest import io

from ..guidance import record_file
from ..guidance.record import Record
from .files import FileName, fingerprint, input_file, known_files, output_file, saved
from .types import CATEGORY, RecordIO


class SaveRecord(io.ComfyNode):
    """Write a record into the output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="SelfGuidanceSaveRecord",
            display_name="Self-Guidance Save Record",
            category=CATEGORY,
            description="Writes a record into ComfyUI's output folder, so that its run can be the "
            "reference of terms another day.",
            inputs=[
                RecordIO.Input("record", tooltip="From a Self-Guidance KSampler or Record Image."),
                io.String.Input(
                    "filename_prefix",
                    default="self_guidance/record",
                    tooltip="Name in the output folder, with subfolders if you like; a number is "
                    "added. %date:yyyy-MM-dd% and the like work as in Save Image.",
                ),
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


class LoadRecord(io.ComfyNode):
    """Read a record from the input or output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="SelfGuidanceLoadRecord",
            display_name="Self-Guidance Load Record",
            category=CATEGORY,
            description="Reads a record that Self-Guidance Save Record wrote, from ComfyUI's "
            "output or input folder. Press R to see files that were added meanwhile.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=known_files(),
                    tooltip="The file, in the input folder or, with [output], in the output "
                    "folder.",
                )
            ],
            outputs=[
                RecordIO.Output(
                    display_name="record", tooltip="The record, for previews and as a reference."
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, file: str | None = None) -> bool | str:
        """Any file that is there, also one that came after the list was made; None if wired."""
        try:
            return file is None or bool(input_file(file))
        except ValueError as error:
            return str(error)

    @classmethod
    def fingerprint_inputs(cls, file: str | None = None) -> str | float:
        """The content. A wired name is not known yet, so its file is always read again."""
        # a new nan each time: ComfyUI compares by identity first, and math.nan is always the same
        return float("nan") if file is None else fingerprint(file)

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        """Read the file."""
        return io.NodeOutput(record_file.load(input_file(file)))
