"""Keep heads on disk."""

from functools import partial

from comfy_api.latest import io

from ..guidance.head import file as head_file
from ..guidance.head.head import Head
from .ui.files import FileLoader, input_file, loader_schema, save, saver_schema
from .ui.types import HeadIO


class SaveHead(io.ComfyNode):
    """Write a head into the output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return saver_schema(
            "SelfGuidanceSaveHead",
            HeadIO.Input("head", tooltip="Head of a Self-Guidance Fit Head."),
            prefix="self_guidance/head",
            description="Writes a fitted head into ComfyUI's output folder, so that it finds its "
            "object another day, without records and masks.",
        )

    @classmethod
    def execute(cls, head: Head, filename_prefix: str) -> io.NodeOutput:
        """Write the file."""
        return save(cls, filename_prefix, partial(head_file.save, head=head))


class LoadHead(FileLoader):
    """Read a head from the input or output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return loader_schema(
            "SelfGuidanceLoadHead",
            HeadIO.Output(
                display_name="head",
                tooltip="The head, for a Mask or Appearance term. It fits models of the family "
                "that it was fitted on.",
            ),
            description="Reads a head that Self-Guidance Save Head wrote, from ComfyUI's output "
            "or input folder. Press R to see files that were added meanwhile.",
        )

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        """Read the file."""
        return io.NodeOutput(head_file.load(input_file(file)))
