"""The reference of the Python package, from its sources alone: nothing is built or imported.

What a module exports (`__all__`) is looked up where it is defined: in the stub of the native module or in
another file of the package. It comes out as Markdown with the directives that Sphinx has for Python.
"""

import ast
import re
from pathlib import Path

Definition = ast.ClassDef | ast.FunctionDef

# Special methods that users meet; the others say nothing that Python's own manual does not.
SPECIAL = ("__init__", "__arrow_c_stream__", "__arrow_c_array__")


def markdown(root: Path, module: str) -> str:
    """Returns the reference of `module`, e.g. `crawlrank.robots`; `root` is the repository."""
    source = find_source(root, module)
    tree = ast.parse(source.read_text())
    parts = [f"```{{py:module}} {module}\n```\n", prose(ast.get_docstring(tree) or "")]
    names = [name for name in sorted(exported(tree), key=str.lower) if is_described_here(root, module, name)]
    found = [(name, *look_up(root, module, name)) for name in names]
    for kind in (ast.FunctionDef, ast.ClassDef):
        parts += [entry(*each) for each in found if isinstance(each[1], kind)]
    return "\n".join(parts)


def is_described_here(root: Path, module: str, name: str) -> bool:
    """Not so `__version__`, nor modules, which have a reference of their own."""
    return not name.startswith("__") and find_source(root, f"{module}.{name}") is None


def find_source(root: Path, module: str) -> Path | None:
    """The file of a module: its stub where there is one."""
    base = root / "python" / Path(*module.split("."))
    candidates = (base.with_suffix(".pyi"), base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.exists()), None)


def exported(tree: ast.Module) -> list[str]:
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return ast.literal_eval(statement.value)
    raise ValueError("a module that has a reference has `__all__`")


def look_up(root: Path, module: str, name: str) -> tuple[Definition, dict[str, ast.expr]]:
    """The definition of a name, through imports, and the aliases of types that hold there."""
    tree = ast.parse(find_source(root, module).read_text())
    found = [node for node in tree.body if isinstance(node, Definition) and node.name == name]
    if found:
        return found[-1], type_aliases(tree)
    for statement in ast.walk(tree):  # also what only type checkers import
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("crawlrank."):
            for alias in statement.names:
                if (alias.asname or alias.name) == name:
                    return look_up(root, statement.module, alias.name)
    raise ValueError(f"{module} exports {name}, and no class or function of that name was found")


def type_aliases(tree: ast.Module) -> dict[str, ast.expr]:
    """Private names of types: pages show what they stand for."""
    aliases: dict[str, ast.expr] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            if (
                isinstance(target, ast.Name)
                and target.id.startswith("_")
                and not isinstance(statement.value, ast.Call)
            ):
                aliases[target.id] = statement.value
    aliases["_Arrow"] = ast.Name("Arrow")  # a sentence of the page says what that is
    return aliases


class Plain(ast.NodeTransformer):
    """Types as users would write them."""

    def __init__(self, aliases: dict[str, ast.expr]) -> None:
        self.aliases = aliases

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.aliases:
            return self.aliases[node.id]
        return ast.Name(node.id.lstrip("_")) if node.id.startswith("_") else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        owner = ast.unparse(node.value)
        return ast.Name(node.attr) if owner in ("builtins", "_core") else node


def entry(name: str, definition: Definition, aliases: dict[str, ast.expr]) -> str:
    """The entry of a function or class."""
    if isinstance(definition, ast.FunctionDef):
        return directive(
            "function", name + signature(definition, aliases, of_class=False), body_of(definition)
        )
    members = [body_of(definition)]
    bases = ", ".join(f"`{ast.unparse(base)}`" for base in definition.bases)
    if bases:
        members.insert(0, f"Bases: {bases}\n")
    for member in definition.body:
        if isinstance(member, ast.FunctionDef) and is_shown(member):
            members.append(member_entry(member, aliases))
    return directive("class", name, "\n".join(members))


def is_shown(member: ast.FunctionDef) -> bool:
    if member.name in SPECIAL:
        return ast.get_docstring(member) is not None
    return not member.name.startswith("_")


def member_entry(member: ast.FunctionDef, aliases: dict[str, ast.expr]) -> str:
    decorators = {ast.unparse(decorator) for decorator in member.decorator_list}
    body = body_of(member)
    if "property" in decorators:
        returned = ast.unparse(Plain(aliases).visit(member.returns)) if member.returns else ""
        return directive("property", member.name, f":type: {returned}\n\n{body}", fence=4)
    # Each overload is an entry; one of a name may be linked to.
    options = ":no-index:\n\n" if "overload" in decorators else ""
    kind = {"classmethod": ":classmethod:\n", "staticmethod": ":staticmethod:\n"}
    options = "".join(kind.get(decorator, "") for decorator in decorators) + options
    return directive(
        "method", member.name + signature(member, aliases, of_class=True), options + body, fence=4
    )


def signature(function: ast.FunctionDef, aliases: dict[str, ast.expr], of_class: bool) -> str:
    arguments = Plain(aliases).visit(function.args)
    if of_class and arguments.args and arguments.args[0].arg in ("self", "cls"):
        del arguments.args[0]
    elif of_class and arguments.posonlyargs and arguments.posonlyargs[0].arg in ("self", "cls"):
        del arguments.posonlyargs[0]
    returned = f" -> {ast.unparse(Plain(aliases).visit(function.returns))}" if function.returns else ""
    return f"({ast.unparse(arguments)}){returned}"


def body_of(definition: Definition) -> str:
    return prose(ast.get_docstring(definition) or "")


def prose(text: str) -> str:
    """A docstring as Markdown: sections with their items as lists, sessions as code."""
    text = re.sub(r"(?m)^(Args|Attributes|Returns|Raises):$", r"\n**\1**\n", text)
    text = re.sub(r"(?m)^    (?=\S)(\w+): ", r"- `\1`: ", text)
    text = re.sub(r"(?m)^    (?=\S)(?! *-)", "", text)
    text = re.sub(r"(?m)^ {8}(?=\S)", "  ", text)
    session = re.compile(r"(?m)^>>> .*(?:\n.+)*")
    return session.sub(lambda found: f"```pycon\n{found[0]}\n```", text) + "\n"


def directive(kind: str, argument: str, body: str, fence: int = 5) -> str:
    colons = ":" * fence
    return f"{colons}{{py:{kind}}} {argument}\n{body.rstrip()}\n{colons}\n"
