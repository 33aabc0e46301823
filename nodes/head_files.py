"""Keep heads on disk."""

from comfy_api.latest import io

from ..guidance import head_file
from ..guidance.head import Head
from .files import FileName, fingerprint, input_file, known_files, output_file, saved
from .types import CATEGORY, HeadIO


class SaveHead(io.ComfyNode):
    """Write a head into the output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="SelfGuidanceSaveHead",
            display_name="Self-Guidance Save Head",
            category=CATEGORY,
            description="Writes a fitted head into ComfyUI's output folder, so that it finds its "
            "object another day, without records and masks.",
            inputs=[
                HeadIO.Input("head", tooltip="Head of a Self-Guidance Fit Head."),
                io.String.Input(
                    "filename_prefix",
                    default="self_guidance/head",
                    tooltip="Name in the output folder, with subfolders if you like; a number is "
                    "added. %date:yyyy-MM-dd% and the like work as in Save Image.",
                ),
            ],
            outputs=[
                FileName.Output(
                    display_name="file", tooltip="Name of the file, as Load Head takes it."
                )
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, head: Head, filename_prefix: str) -> io.NodeOutput:
        """Write the file."""
        path = output_file(filename_prefix)
        head_file.save(path, head)
        return saved(cls, path)


class LoadHead(io.ComfyNode):
    """Read a head from the input or output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="SelfGuidanceLoadHead",
            display_name="Self-Guidance Load Head",
            category=CATEGORY,
            description="Reads a head that Self-Guidance Save Head wrote, from ComfyUI's output "
            "or input folder. Press R to see files that were added meanwhile.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=known_files(),
                    tooltip="The file, in the input folder or, with [output], in the output "
                    "folder.",
                )
            ],
            outputs=[
                HeadIO.Output(
                    display_name="head",
                    tooltip="The head, for a Mask or Appearance term. It fits models of the family "
                    "that it was fitted on.",
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
        return io.NodeOutput(head_file.load(input_file(file)))
