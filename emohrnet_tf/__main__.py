"""`python -m emohrnet_tf`: the `emohrnet` command."""

from emohrnet_tf.cli import main

main()
