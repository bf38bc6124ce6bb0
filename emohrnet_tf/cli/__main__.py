"""`python -m emohrnet_tf.cli`."""

from emohrnet_tf.cli import main

main()
