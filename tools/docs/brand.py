"""Draw the pack's icon and banner for the registry: `brand/icon.png` and `brand/banner.png`.

They show a circle that moves to the right, into the attention of its word, and a square that stays.
"""

from __future__ import annotations

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from ..host import host

FOLDER = host.ROOT / "brand"
ICON = (400, 400)
BANNER = (1260, 540)  # 21 : 9
NIGHT, RED, BLUE, GLOW, PALE = "#17171f", "#dc2328", "#285adc", "#ff9a3c", "#f4f1ea"
FINE = 4  # factor of supersampling, for smooth edges


def _glow(size: tuple[int, int], middle: tuple[float, float], radius: float) -> Image.Image:
    spot = Image.new("RGB", size)
    x, y = middle
    ImageDraw.Draw(spot).ellipse((x - radius, y - radius, x + radius, y + radius), fill=GLOW)
    return spot.filter(ImageFilter.GaussianBlur(radius * 0.55))


def scene(width: int, height: int, left: float, top: float, unit: float) -> Image.Image:
    """The sign on a dark background, `unit` pixels in side, with its corner at (left, top)."""
    size = (width * FINE, height * FINE)
    unit, left, top = unit * FINE, left * FINE, top * FINE
    row, radius = top + 0.66 * unit, 0.15 * unit
    was, now = left + 0.24 * unit, left + 0.74 * unit
    picture = ImageChops.screen(Image.new("RGB", size, NIGHT), _glow(size, (now, row), 0.2 * unit))
    draw = ImageDraw.Draw(picture)
    side = 0.13 * unit
    box = (was - side, top + 0.26 * unit - side, was + side, top + 0.26 * unit + side)
    draw.rounded_rectangle(box, 0.025 * unit, fill=BLUE)
    for start in range(0, 360, 24):  # dashed outline of the circle before the move
        circle = (was - radius, row - radius, was + radius, row + radius)
        draw.arc(circle, start, start + 13, fill=RED, width=round(0.014 * unit))
    tip = now - radius - 0.03 * unit
    line = round(0.02 * unit)
    draw.line((was + radius + 0.03 * unit, row, tip - 0.03 * unit, row), fill=PALE, width=line)
    head = 0.035 * unit
    draw.polygon([(tip, row), (tip - 1.6 * head, row - head), (tip - 1.6 * head, row + head)], PALE)
    draw.ellipse((now - radius, row - radius, now + radius, row + radius), fill=RED)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def icon() -> Image.Image:
    """The sign alone, as large as `ICON`."""
    return scene(*ICON, 0, 0, ICON[0])


def banner() -> Image.Image:
    """The sign and the name of the pack, as large as `BANNER`."""
    width, height = BANNER
    picture = scene(width, height, 50, 30, height - 60)
    draw = ImageDraw.Draw(picture)
    draw.text((590, 190), "Self-Guidance", PALE, ImageFont.load_default(84))
    words = "Move, resize and keep objects"
    draw.text((594, 305), words, "#b9b4c4", ImageFont.load_default(40))
    words = "with the model's own attention"
    draw.text((594, 358), words, "#b9b4c4", ImageFont.load_default(40))
    return picture


def main(_: list[str]) -> None:
    """Write both files."""
    FOLDER.mkdir(exist_ok=True)
    for name, picture in (("icon", icon()), ("banner", banner())):
        file = FOLDER / f"{name}.png"
        picture.save(file, optimize=True)
        print(f"{file.stat().st_size / 1000:5.1f} kB  {file.relative_to(host.ROOT)}", flush=True)
