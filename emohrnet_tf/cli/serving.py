"""The command that shows a model in the browser."""

from typing import Annotated

import typer

from emohrnet_tf.cli.output import quiet


def serve(
    model: Annotated[
        str,
        typer.Argument(
            help="A .tflite file of `emohrnet export`, or a .keras file, the folder of a run, voices or ravdess."
        ),
    ] = "voices",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the address; 0: any that is free.")] = 8000,
    browse: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
):
    """Try a model on recordings and the microphone, in the browser; nothing leaves this machine."""
    if not model.lower().endswith(".tflite"):
        quiet()
    import contextlib

    from emohrnet_tf.exporter.serve import make_server

    with make_server(model, port) as server, contextlib.suppress(KeyboardInterrupt):
        typer.echo(f"The page is at {server.url} (Ctrl-C ends it).")
        if browse:
            import webbrowser

            webbrowser.open(server.url)
        server.serve_forever()
