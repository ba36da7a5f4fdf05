"""The documentation leads where it says, says what the code does, and reads without a network."""

import ast
import importlib
import linecache
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt

import quantdl
from quantdl import errors
from quantdl.config import load_config, load_strategy
from quantdl.experiment import run_backtest_only
from tests.pages import chromium, look_at

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "data/README.md", *ROOT.glob("benchmarks/*.md"))
    if not {"generated", "_build"} & {*path.relative_to(ROOT).parts}
)
PARSER = MarkdownIt("commonmark").enable("table")


@cache
def slugs(path: Path) -> set[str]:
    """The anchors of a page's headings, by the rule of the sites that show Markdown: letters, digits, hyphens."""
    tokens = PARSER.parse(path.read_text(encoding="utf-8"))
    titles = [tokens[at + 1] for at, token in enumerate(tokens) if token.type == "heading_open"]
    found: list[str] = []
    for title in titles:
        words = "".join(part.content for part in title.children if part.type in ("text", "code_inline"))
        slug = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return {*found}


def links(path: Path) -> list[str]:
    tokens = PARSER.parse(path.read_text(encoding="utf-8"))
    inside = [part for token in tokens for part in token.children or ()]
    return [
        str(part.attrs.get("href", part.attrs.get("src"))) for part in inside if part.type in ("link_open", "image")
    ]


def fault(page: Path, target: str) -> str | None:
    """What is wrong with a link; None where it leads somewhere. Pages that the build makes are checked by the build."""
    parts = urlsplit(target)
    if parts.scheme:
        return None if parts.scheme == "https" and "." in parts.netloc and " " not in target else "no https address"
    place = Path(os.path.normpath(page.parent / unquote(parts.path))) if parts.path else page
    if place.is_relative_to(DOCS / "generated"):
        return None
    if not place.exists():
        return "no such file"
    if place.is_dir():
        place /= "README.md"
    known = not parts.fragment or (place.suffix == ".md" and parts.fragment in slugs(place))
    return None if known else "no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page):
    found = {target: fault(page, target) for target in links(page)}
    assert {target: problem for target, problem in found.items() if problem} == {}


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A title: `code`\n\n[a](missing.md) [b](#a-title-code) [c](#nothing) [d](http://x)\n")
    problems = [fault(page, target) for target in links(page)]
    assert problems == ["no such file", None, "no such heading", "no https address"]


PACKAGE = ROOT / "quantdl"
FILES = {"csv", "html", "json", "md", "parquet", "py", "yaml"}
"""Ends of names in backticks that are files, as `risk.parquet` is."""


@cache
def names_in(source: Path) -> dict[str, ast.stmt]:
    """What the top level of a file defines or imports, and the statement that does."""
    top = ast.parse(source.read_text(encoding="utf-8")).body
    top += [inner for statement in top if isinstance(statement, ast.If) for inner in statement.body]
    return {name: statement for statement in top for name in names_of(statement)}


def names_of(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [one.id for one in targets if isinstance(one, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.ImportFrom(names=names):
            return [one.asname or one.name for one in names]
    return []


def exists(name: str) -> bool:
    """Whether a dotted name of the package is a module, or what a module or a class defines; nothing is imported."""
    place, parts = PACKAGE, name.split(".")[1:]
    while parts and (place / parts[0]).is_dir():
        place /= parts.pop(0)
    if parts and (place / f"{parts[0]}.py").is_file():
        sources = [place / f"{parts.pop(0)}.py"]
    else:
        sources = [source for source in (place / "__init__.py", place / "__init__.pyi") if source.is_file()]
    if not parts:
        return bool(sources)
    return any(defines(source, parts) for source in sources)


def defines(source: Path, parts: list[str]) -> bool:
    statement = names_in(source).get(parts[0])
    if len(parts) == 1 or statement is None:
        return statement is not None
    if isinstance(statement, ast.ImportFrom):
        package = [] if not statement.level else source.relative_to(ROOT).parts[: -statement.level]
        return exists(".".join((*package, *filter(None, [statement.module]), *parts)))
    members = statement.body if isinstance(statement, ast.ClassDef) else []
    return len(parts) == 2 and any(parts[1] in names_of(member) for member in members)


def named_in(page: Path) -> list[str]:
    """Dotted names of the package in the backticks of a page, those of docs/risk also without its own name."""
    tokens = PARSER.parse(page.read_text(encoding="utf-8"))
    codes = [part.content for token in tokens for part in token.children or () if part.type == "code_inline"]
    dotted = [found[0] for code in codes if (found := re.match(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", code))]
    names = [name for name in dotted if name.rpartition(".")[2] not in FILES]
    plain = {path.stem for path in PACKAGE.iterdir()} if page.is_relative_to(DOCS / "risk") else set()
    whole = [f"quantdl.{name}" if name.partition(".")[0] in plain else name for name in names]
    return [name for name in whole if name.startswith("quantdl.")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_name_of_the_package_on_a_page_is_a_module_or_in_one(page):
    assert [name for name in named_in(page) if not exists(name)] == []


def test_a_name_that_is_not_in_the_package_is_found(tmp_path):
    there = (
        "risk",
        "risk.measures.tails",
        "risk.measures.tails.hill",
        "risk.measures.tails.ParetoTail.shape_error",
        "risk.Scenarios",
        "risk.Scenarios.losses",
        "portfolio.Limits.max_net",
    )
    wrong = ("risk.tail_fits", "risk.measures.tails.hil", "risk.Scenarios.gains", "risc", "portfolio.Limits.a.b")
    assert [name for name in (*there, *wrong) if not exists(f"quantdl.{name}")] == [*wrong]
    page = tmp_path / "page.md"
    page.write_text("`quantdl.risk.performance(curve, 252)` `risk.parquet` `risk.tails` `quantdl.risk.json` `x.y`\n")
    assert named_in(page) == ["quantdl.risk.performance"]
    assert "quantdl.scoring.marginal_value_at_risk" in named_in(DOCS / "risk/measures.md")


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_every_command_of_the_readmes_first_ten_minutes_stands_in_the_tutorial_that_says_the_same_at_length():
    _, _, begun = (ROOT / "README.md").read_text(encoding="utf-8").partition("## The first ten minutes\n")
    steps, _, _ = begun.partition("[The same at length](docs/tutorial/first_ten_minutes.md)")
    commands = re.findall(r"`((?:make|quantdl) [^`]+)`", steps)
    page = (DOCS / "tutorial/first_ten_minutes.md").read_text(encoding="utf-8")
    assert len(commands) == 4
    assert [command for command in commands if f"    {command}\n" not in page] == []


def test_every_exit_code_of_an_error_is_in_the_reference():
    rows = re.findall(r"^\| (\d+) \|.*\| (.*) \|$", (DOCS / "reference/exit_codes.md").read_text(), flags=re.MULTILINE)
    told = {name: int(code) for code, names in rows for name in re.findall(r"`(\w+)`", names)}
    raised = {
        name: value.exit_code
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.QuantdlError)
    }
    assert {name: code for name, code in told.items() if name != "KeyboardInterrupt"} == raised


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_strategy_of_the_guide_and_its_plan_run(tmp_path):
    page = DOCS / "how-to/strategy.md"
    (written,), (plan,) = blocks(page, "python"), blocks(page, "yaml")
    for folder, name in (("configs", "base"), ("strategies", ".")):
        (tmp_path / folder / name).mkdir(parents=True)
    shutil.copy(ROOT / "configs/base/sp500.yaml", tmp_path / "configs/base")
    (tmp_path / "strategies/calm_half.py").write_text(written)
    (tmp_path / "configs/calm_half.yaml").write_text(f"output: {{root: {tmp_path}}}\n{plan}")
    config = load_config(tmp_path / "configs/calm_half.yaml")
    load_strategy(config.strategy_files["strategy.py"], config.strategy.parameters)
    summary = run_backtest_only(config)
    assert summary.checklist.verdict == "relative evidence only"


@pytest.mark.parametrize("page", [DOCS / "how-to/measure.md"], ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)  # the page is ours
    value_at_risk, shortfall = map(float, capsys.readouterr().out.split())
    assert value_at_risk == pytest.approx(0.02)  # the third of four losses
    assert shortfall == pytest.approx(0.05)  # the worst quarter of them is the last one


def test_a_signature_shows_types_without_their_ranges(monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "_extensions")
    plain = importlib.import_module("plain_signatures").plain
    written = "(a: ~typing.Annotated[int, x.Ge(1)], b: tuple[~typing.Annotated[float, x.Gt(0)], ...] = <factory>)"
    assert plain(written) == "(a: int, b: tuple[float, ...] = ...)"
    nested = "(c: ~typing.Annotated[tuple[~typing.Annotated[float, x.Gt(0)], ...], x.Len(1)] = (1,)) -> int"
    assert plain(nested) == "(c: tuple[float, ...] = (1,)) -> int"


PYTHON_PAGE = DOCS / "tutorial/python.md"


def test_the_python_of_the_readme_is_that_of_the_tutorial_in_ten_lines():
    (shown,) = blocks(ROOT / "README.md", "python")
    assert shown == blocks(PYTHON_PAGE, "python")[0]
    assert len([line for line in shown.splitlines() if line.strip()]) <= 10


def test_every_name_that_the_tutorial_takes_from_the_package_exists():
    trees = [ast.parse(block) for block in blocks(PYTHON_PAGE, "python")]
    parts = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    places = {"qd": quantdl, "p": quantdl.plan}
    named = [(place, node.attr) for node in parts for name, place in places.items() if ast.unparse(node.value) == name]
    assert len(named) > 20
    assert [name for place, name in named if not hasattr(place, name)] == []


@pytest.mark.slow
def test_the_tutorial_runs_and_its_verdict_is_the_best_that_the_bundled_data_allow(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    for number, block in enumerate(blocks(PYTHON_PAGE, "python")):
        cell = f"<cell {number}>"  # as a notebook names it, so that the source of a function can be had
        linecache.cache[cell] = (len(block), None, block.splitlines(keepends=True), cell)
        exec(compile(block, cell, "exec"), names)
    assert 0.015 < names["risk"].value_at_risk < 0.05  # the worst percent of 2022's days began at 3 %
    assert names["result"].verdict.status == "relative evidence only"


# What follows builds the pages and takes a minute.


class Reader(HTMLParser):
    """Collects what a page names (``ids``), links to, and would load."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("index", "search", "next", "prev", "canonical"):
            self.loaded.append(given.get("href", ""))
        self.loaded += [given["src"]] if given.get("src") else []


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built pages; any warning of the builder is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-d",
        folder / "trees",
        DOCS,
        folder / "html",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder / "html"


@pytest.fixture(scope="module")
def readers(site):
    read = {}
    for path in site.rglob("*.html"):
        read[path] = Reader()
        read[path].feed(path.read_text(encoding="utf-8"))
    return read


@pytest.mark.slow
def test_every_link_of_the_built_pages_leads_somewhere(readers, site):
    wrong = []
    for path, reader in readers.items():
        for target in reader.links:
            parts = urlsplit(target)
            if parts.scheme:
                continue
            place = Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
            anchors = readers[place].ids if place in readers else set()
            if not place.exists() or (parts.fragment and unquote(parts.fragment) not in anchors):
                wrong.append(f"{path.relative_to(site)}: {target}")
    assert wrong == []


@pytest.mark.slow
def test_the_built_pages_load_nothing_from_a_network(readers, site):
    loaded = {target for reader in readers.values() for target in reader.loaded}
    assert {target for target in loaded if urlsplit(target).netloc} == set()
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import\s*)[\"']?(?:https?:)?//[^)\"']*", styles) == []


@pytest.mark.slow
def test_the_reference_describes_every_key_of_a_config(site):
    text = (DOCS / "generated/config.md").read_text(encoding="utf-8")
    without = [row for row in re.findall(r"^\| `.*\|$", text, flags=re.MULTILINE) if row.endswith("|  |")]
    assert without == []


@pytest.mark.slow
def test_every_built_page_is_readable_at_a_desk_on_a_phone_in_the_dark_and_on_paper(site):
    with chromium() as browser:
        seen = {str(page.relative_to(site)): look_at(browser, page, site=site) for page in sorted(site.rglob("*.html"))}
    assert len(seen) > 40
    assert {page: one.faults for page, one in seen.items() if one.faults} == {}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the browser Chromium")
def test_the_search_finds_a_page_from_a_folder(site, tmp_path):
    address = f"{(site / 'search.html').as_uri()}?q=expectile"
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path}",
        "--virtual-time-budget=20000",
    ]
    command = ["chromium", *options, "--dump-dom", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = Reader()
    found.feed(done.stdout)
    assert any(target.startswith("risk/measures.html") for target in found.links)
