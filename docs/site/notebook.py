"""A notebook with its outputs as the Markdown of a page."""

import json


def markdown(text: str) -> str:
    """Returns the cells of an `.ipynb` in their order: prose, code, tables, pictures."""
    return "\n\n".join(part for cell in json.loads(text)["cells"] for part in cell_parts(cell))


def cell_parts(cell: dict) -> list[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return [source]
    return [f"```python\n{source}\n```", *(output_part(output["data"]) for output in cell["outputs"])]


def output_part(data: dict) -> str:
    """The picture of a chart, which all browsers draw; the HTML of a table."""
    if "image/png" in data:
        return f"![](data:image/png;base64,{''.join(data['image/png']).strip()})"
    return f"```{{raw}} html\n{''.join(data['text/html'])}\n```"
