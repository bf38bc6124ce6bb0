"""Writes the repository's address, which setup.py holds as `REPOSITORY`, wherever it is needed.

    python docs/write_address.py            # write
    python docs/write_address.py --check    # fail where a place says something else

It goes into the first code cell of each notebook (`notebooks/start.py` is that cell, in one copy) and
into the lines between README's comments `address`. While it is empty, notebooks ask for an upload in Colab, and README
shows no badge.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDS = {"03_export_and_measure.ipynb": "export"}  # extras that a notebook needs
PROBES = {"export": "litert_quantizer"}  # a module that an extra brings
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
COLAB = "https://colab.research.google.com/github"


def address(root=ROOT):
    """The address in setup.py, "" while there is none."""
    (found,) = re.findall(r'^REPOSITORY = "([^"]*)"', (root / "setup.py").read_text(), re.MULTILINE)
    if found and not re.fullmatch(r"https://[\w.-]+(/[\w.~-]+)+", found):
        sys.exit(f"REPOSITORY in setup.py is an https address without a slash at its end. Received: {found!r}")
    return found


def first_cell(notebook, repository):
    """The code that a notebook starts with."""
    extra = NEEDS.get(notebook, "")
    names = ["emohrnet_tf", *([PROBES[extra]] if extra else [])]
    code = (ROOT / "notebooks/start.py").read_text().rstrip("\n")
    for name, value in (("REPOSITORY", repository), ("EXTRA", extra and f"[{extra}]"), ("NEEDED", names)):
        code, count = re.subn(
            rf"^{name} = [^#\n]*?(?=  #|$)", f"{name} = {json.dumps(value)}", code, flags=re.MULTILINE
        )
        assert count == 1, name
    return code


def with_start(path, repository):
    """The text of a notebook with its first cell of code written anew; outputs stay."""
    text = path.read_text()
    notebook = json.loads(text)
    cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    cell["source"] = first_cell(path.name, repository).splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def with_links(text, repository):
    """README with the address between its two comments."""
    lines = []
    if repository:
        lines += [f"Code and issues: <{repository}>", ""]
    if repository.startswith("https://github.com/"):
        place = f"{COLAB}{repository.removeprefix('https://github.com')}/blob/main/notebooks"
        for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
            name = notebook.stem[3:].replace("_", " ")
            lines.append(f"[![{name}]({BADGE})]({place}/{notebook.name}) {name}  ")
    begin, end = (
        "<!-- address: written by `python docs/write_address.py` from setup.py -->\n",
        "<!-- end of address -->",
    )
    head, rest = text.split(begin)
    return head + begin + "".join(line + "\n" for line in lines) + end + rest.split(end)[1]


def pages(repository):
    """What each file that names the address should hold."""
    readme = ROOT / "README.md"
    notebooks = {path: with_start(path, repository) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    return {readme: with_links(readme.read_text(), repository), **notebooks}


if __name__ == "__main__":
    stale = []
    for page, text in pages(address()).items():
        if "--check" in sys.argv:
            stale += [page.name] if page.read_text() != text else []
        else:
            page.write_text(text)
    if stale:
        sys.exit(f"not the address of setup.py: {', '.join(stale)}; run python docs/write_address.py")
