"""The network as its own table says it is."""

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Rectangle

from .style import STYLE, save

# Okabe & Ito's hues, light enough for black print; a row for each resolution, so that no colour is needed to read it.
ROWS = ("#A6D5F3", "#FBE3A1", "#F0BDD7", "#9FD9C6")
WAYS = {  # how a map comes from one branch to another: colour and line, which differ in grey too
    "same": ("0.35", "-", "at its own resolution"),
    "down": ("#0072B2", "--", "down: 3x3 convolutions, stride 2"),
    "up": ("#D55E00", "-", "up: 1x1 convolution, nearest upsampling"),
}
WIDTH, HEIGHT = 2.0, 0.64  # of a box


def network(architecture, path, frames=256, mels=64, classes=8, stem=None, fuse_filters=None, title=None):
    """Draw an architecture from its table (Figure 2 of EmoHRNet, ICASSP 2024): branches are rows, time goes right.

    Args:
        architecture: a key of `hrnet.ARCHITECTURES`.
        path: picture to write.
        frames, mels: sides of the log-mel.
        classes: number of emotions.
        stem, fuse_filters: of `hrnet.hrnet`.
        title: above the picture.

    Raises:
        InputError: of `hrnet.read_table`.
    """
    from emohrnet_tf.model.hrnet import read_table  # Keras is slow to import, and no other picture needs it

    filters, strides, stages = read_table(architecture, stem, (frames, mels))
    stride = 2 ** (len(strides) - strides.count(1))
    sides = [f"{frames // (stride << row)} x {mels // (stride << row)}" for row in range(len(stages[-1][3]))]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(14, 4.8), layout="constrained")
        axes = figure.add_subplot()
        axes.set(title=title)
        axes.set_axis_off()
        _box(axes, 0, 0, f"log-mel\n{frames} x {mels}", "white")
        x = WIDTH + 0.6
        _box(axes, x, 0, f"stem\n{len(strides)} conv 3x3\n{filters} channels", "0.9")
        _arrow(axes, (WIDTH, 0), (x, 0), "same")
        before, x = [(x + WIDTH, 0)], x + WIDTH + 0.7
        for number, (modules, block, blocks, channels) in enumerate(stages, start=1):
            for row in range(len(channels)):  # the transition: a branch that is new comes from the lowest
                source = before[min(row, len(before) - 1)]
                _arrow(axes, source, (x, -row), "down" if row >= len(before) else "same")
            for row, width in enumerate(channels):
                _box(axes, x, -row, f"{width * block.expansion} channels\n{sides[row]}", ROWS[row])
            fused = x + WIDTH + 1.3
            end = [(fused + 0.11, -row) for row in range(len(channels))]
            if len(channels) == 1:
                end = [(x + WIDTH, 0)]
            else:
                _fuse(axes, x + WIDTH, fused, len(channels))
            kind = "Bottleneck" if block.__name__ == "Bottleneck" else "BasicBlock"
            note = f"{blocks} {kind}{'s' if blocks > 1 else ''}\nper branch"
            right = end[0][0] + 0.12
            if modules > 1:
                note += f" and a fusion,\n{modules} times"
                low = -len(channels) + 0.5
                axes.add_patch(
                    Rectangle((x - 0.15, low), right - x + 0.25, 0.44 - low, fill=False, color="0.5", ls=":")
                )
            axes.text((x + right) / 2, 1.25, f"stage {number}", ha="center", va="bottom", weight="bold")
            axes.text((x + right) / 2, 1.18, note, ha="center", va="top", fontsize=9)
            before, x = end, right + 0.95
        _head(axes, x, before, fuse_filters or sum(stages[-1][3]), sides[0], classes)
        lines = [Line2D([], [], color=c, linestyle=s, label=text) for c, s, text in WAYS.values()]
        lines.append(Line2D([], [], color="0.35", marker="o", markerfacecolor="white", ls="", label="sum, then ReLU"))
        figure.legend(handles=lines, loc="outside lower center", ncols=4)
        axes.set(xlim=(-0.1, x + 2 * WIDTH + 0.7), ylim=(-len(stages[-1][3]) + 0.4, 1.6))
        save(figure, path)


def _head(axes, x, before, width, sides, classes):
    """The fuse layer over all branches, the pool, the fully connected layer and the softmax."""
    low = -len(before) + 1 - HEIGHT / 2
    _box(axes, x, 0, f"fuse layer\n1x1 conv,\nupsampling,\nsum\n\n{width} channels\n{sides}", "0.9", low)
    for row, source in enumerate(before):
        _arrow(axes, source, (x, -row), "up" if row else "same")
    for number, text in enumerate(
        (f"average pool\n{width}", f"fully connected\n{classes}", f"softmax\n{classes} emotions")
    ):
        _box(axes, x + WIDTH + 0.6, -number, text, "white" if number == 2 else "0.9")
        if number:
            corner = x + 1.5 * WIDTH + 0.6
            _arrow(axes, (corner, 1 - number - HEIGHT / 2), (corner, -number + HEIGHT / 2), "same")
    _arrow(axes, (x + WIDTH, 0), (x + WIDTH + 0.6, 0), "same")


def _fuse(axes, left, right, branches):
    """The exchange: every branch to every sum."""
    for target in range(branches):
        for source in range(branches):
            way = "same" if source == target else "down" if source < target else "up"
            _arrow(axes, (left, -source), (right - 0.1, -target), way)
        axes.plot(right, -target, "o", markersize=8, color="0.35", markerfacecolor="white", zorder=3)


def _box(axes, x, y, text, colour, low=None):
    """A box with its left edge at x, its first row around y, and down to `low`."""
    bottom = y - HEIGHT / 2 if low is None else low
    height = y + HEIGHT / 2 - bottom
    shape = FancyBboxPatch((x, bottom), WIDTH, height, boxstyle="round,pad=0,rounding_size=0.08", zorder=2)
    shape.set(facecolor=colour, edgecolor="0.35", linewidth=0.8)
    axes.add_patch(shape)
    axes.text(x + WIDTH / 2, bottom + height / 2, text, ha="center", va="center", fontsize=9)


def _arrow(axes, start, end, way):
    colour, line, _ = WAYS[way]
    style = dict(arrowstyle="-|>", color=colour, linestyle=line, linewidth=1, shrinkA=0, shrinkB=0, mutation_scale=8)
    axes.annotate("", end, start, arrowprops=style, zorder=1)
