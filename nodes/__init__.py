"""All nodes but those of the demo, in the order of the menu."""

from comfy_api.latest import io

from .attention_terms import Box, Presence
from .combine import Combine
from .feature import Feature
from .head import FitHead
from .head_files import LoadHead, SaveHead
from .image import Image
from .layout import LayoutCanvas
from .mask import Mask
from .plot import EnergyPlot
from .preview import AttentionPreview
from .prompts import AddWords, Prompt
from .recipes import CopyObject, MoveObject, RemoveObject, ResizeObject
from .record_files import LoadRecord, SaveRecord
from .record_image import RecordImage
from .reference_terms import Appearance, Shape
from .sampling import Apply, Guider, KSampler
from .terms import Position, Size

NODES: list[type[io.ComfyNode]] = [
    Prompt,
    AddWords,
    KSampler,
    Guider,
    Apply,
    LayoutCanvas,
    MoveObject,
    ResizeObject,
    CopyObject,
    RemoveObject,
    Image,
    RecordImage,
    Feature,
    FitHead,
    Position,
    Size,
    Shape,
    Appearance,
    Mask,
    Box,
    Presence,
    Combine,
    AttentionPreview,
    EnergyPlot,
    SaveRecord,
    LoadRecord,
    SaveHead,
    LoadHead,
]
