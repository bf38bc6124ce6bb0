"""`small` with fewer channels or blocks: what its speed would cost (`device.py`), and what that costs (`known.py`)."""

from emohrnet_tf.model.hrnet import ARCHITECTURES

_STEM, _STAGE1, *_STAGES = ARCHITECTURES["small"]
_BOTTLENECK, _STRIDES = _STAGE1[1], _STEM[1]

# what is narrower: its row of the table, and the channels of the last fuse
NARROWER = {
    "stem 32": ([(32, _STRIDES), _STAGE1, *_STAGES], None),
    "bottleneck 24": ([_STEM, (1, _BOTTLENECK, 1, (24,)), *_STAGES], None),
    "last fuse 128": ([_STEM, _STAGE1, *_STAGES], 128),
    "stem 32, bottleneck 24, last fuse 128": ([(32, _STRIDES), (1, _BOTTLENECK, 1, (24,)), *_STAGES], 128),
    "one block a branch": ([_STEM, _STAGE1, *((1, block, 1, channels) for _, block, _, channels in _STAGES)], None),
}


def slug(name):
    """The name of an architecture of `NARROWER`, which TensorFlow takes."""
    return name.replace(",", "").replace(" ", "_")


def register():
    """Make the rows architectures of `hrnet`, by their `slug`."""
    ARCHITECTURES.update({slug(name): table for name, (table, _) in NARROWER.items()})
