"""Keep heads on disk."""

from comfy_api.latest import io

from ..guidance.head import file as head_file
from ..guidance.head.head import Head
from .ui.files import FileLoader, FileName, file_input, input_file, output_file, prefix_input, saved
from .ui.schema import schema
from .ui.types import CATEGORY, HeadIO


class SaveHead(io.ComfyNode):
    """Write a head into the output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceSaveHead",
            aliases=["export head"],
            display_name="Self-Guidance Save Head",
            category=CATEGORY,
            description="Writes a fitted head into ComfyUI's output folder, so that it finds its "
            "object another day, without records and masks.",
            inputs=[
                HeadIO.Input("head", tooltip="Head of a Self-Guidance Fit Head."),
                prefix_input("self_guidance/head"),
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


class LoadHead(FileLoader):
    """Read a head from the input or output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceLoadHead",
            aliases=["import head"],
            display_name="Self-Guidance Load Head",
            category=CATEGORY,
            description="Reads a head that Self-Guidance Save Head wrote, from ComfyUI's output "
            "or input folder. Press R to see files that were added meanwhile.",
            inputs=[file_input()],
            outputs=[
                HeadIO.Output(
                    display_name="head",
                    tooltip="The head, for a Mask or Appearance term. It fits models of the family "
                    "that it was fitted on.",
                )
            ],
        )

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        """Read the file."""
        return io.NodeOutput(head_file.load(input_file(file)))
