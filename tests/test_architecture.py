"""The rules of the design, checked in the source: layers, purity, cycles, coupling and size."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import anyiohttp

ROOT = Path(anyiohttp.__file__).parent
PACKAGE = "anyiohttp"

#: From the bottom up. A module may import from its own layer and from lower ones.
LEVELS = {
    "typedefs": 0,
    "exceptions": 0,
    "_version": 0,
    "client_exceptions": 0,
    "hdrs": 0,
    "abc": 0,
    "_net": 1,
    "_protocol": 2,
    "_connect": 3,
    "_message": 4,
    "_client": 5,
    "": 6,  # anyiohttp itself: the public names
    "http": 6,
    "multipart": 6,
    "payload": 6,
    "resolver": 6,
    "tracing": 6,
    "cli": 7,
    "testing": 7,
    "downloads": 7,
    "opentelemetry": 7,
    "__main__": 8,
}
#: The client proper; what is above it is a user of it.
LIBRARY = ("_net", "_protocol", "_connect", "_message", "_client")
#: Layers that do not know each other, whichever is higher.
STRANGERS = ({"_connect", "_message"},)
#: All that `_message` may know of `_protocol`.
MESSAGE_SEES = "_protocol.base"

PURE = {
    "_client.auth",
    "_client.cookie_files",
    "_client.cookie_store",
    "_client.cookies",
    "_client.digest",
    "_client.headers",
    "_client.heartbeat",
    "_client.netrc",
    "_client.proxies",
    "_client.redirects",
    "_client.request",
    "_client.retries",
    "_client.set_cookie",
    "_client.tls_options",
    "_client.tracing",
    "_client.unset",
    "_client.urls",
    "_connect.challenges",
    "_connect.fingerprint",
    "_connect.key",
    "_connect.pool_queue",
    "_connect.pool_records",
    "_connect.pool_state",
    "_connect.proxy_route",
    "_connect.socks",
    "_connect.tls_sessions",
    "_connect.url_syntax",
    "_message.coding_libraries",
    "_message.chain_map",
    "_message.chunk_ends",
    "_message.codings",
    "_message.content_disposition",
    "_message.etags",
    "_message.event_stream",
    "_message.fields",
    "_message.formdata",
    "_message.limits",
    "_message.links",
    "_message.mimetypes",
    "_message.request_info",
    "_message.multipart_parsing",
    "_message.parameters",
    "_message.part_coding",
    "_message.payloads",
    "_protocol.http1.bodies",
    "_protocol.http1.framing",
    "_protocol.http1.parsing",
    "_protocol.http1.writing",
    "_protocol.http2.codec",
    "_protocol.http2.engine",
    "_protocol.http2.failures",
    "_protocol.http2.frames",
    "_protocol.http2.heads",
    "_protocol.http2.mapping",
    "_protocol.http2.streams",
    "_protocol.malformed",
    "_protocol.source_failures",
    "downloads.digests",
    "downloads.items",
    "downloads.journal",
    "downloads.lists",
    "downloads.metalink",
    "downloads.naming",
    "downloads.options",
    "downloads.outcomes",
    "downloads.plan",
    "downloads.progress",
    "downloads.ranges",
    "downloads.rates",
    "downloads.retrying",
    "downloads.sources",
    "downloads.spans",
    "cli.curl",
    "cli.download_plan",
    "cli.events",
    "cli.exit_codes",
    "cli.formatting",
    "cli.items",
    "cli.plan",
    "cli.settings",
    "cli.timeline",
    "cli.wire",
    "_protocol.websocket.deflate",
    "_protocol.websocket.frames",
    "_protocol.websocket.handshake",
    "_protocol.websocket.messages",
}

MAX_MODULE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_COMPLEXITY = 12
MAX_PARAMETERS = 6


class Module:
    """One source file."""

    def __init__(self, path: Path) -> None:
        relative = path.relative_to(ROOT).with_suffix("")
        self.path = path
        self.is_package = relative.name == "__init__"
        parts = relative.parts[:-1] if self.is_package else relative.parts
        self.name = ".".join(parts)
        self.layer = parts[0] if parts else ""
        self.source = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.source)

    def __repr__(self) -> str:
        return self.name or PACKAGE

    @functools.cached_property
    def imports(self) -> list[tuple[str, int]]:
        """What is imported, with line numbers; ours without the package's name and a dot before."""
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(_own(alias.name), node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = self._resolve(node)
                found += [(f"{base}.{alias.name}", node.lineno) for alias in node.names]
        return found

    @property
    def own_imports(self) -> Iterator[tuple[str, int]]:
        """The modules of this package that are imported."""
        for name, line in self.imports:
            if name.startswith("."):
                target = name.strip(".")
                while target and target not in _modules():
                    target = target.rpartition(".")[0]  # a name of that module
                yield target, line

    @property
    def foreign_imports(self) -> Iterator[tuple[str, int]]:
        """The top-level packages of others that are imported."""
        for name, line in self.imports:
            if not name.startswith("."):
                yield name.partition(".")[0], line

    def _resolve(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return _own(node.module or "")
        parts = self.name.split(".") if self.name else []
        drop = node.level - (1 if self.is_package else 0)
        parts = parts[: len(parts) - drop] if drop else parts
        return "." + ".".join([*parts, *(node.module or "").split(".")]).strip(".")


def _own(name: str) -> str:
    if name == PACKAGE or name.startswith(f"{PACKAGE}."):
        return "." + name[len(PACKAGE) :].strip(".")
    return name


@functools.cache
def _modules() -> dict[str, Module]:
    modules = (Module(path) for path in sorted(ROOT.rglob("*.py")))
    return {module.name: module for module in modules}


def all_modules() -> list[Module]:
    return list(_modules().values())


def library() -> list[Module]:
    return [module for module in all_modules() if module.layer in LIBRARY]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def complain(complaints: list[str]) -> None:
    """Fail with all complaints, one a line."""
    assert not complaints, "\n" + "\n".join(complaints)


# --- imports ---


def test_every_module_has_a_layer() -> None:
    complain([f"{m}: which layer?" for m in all_modules() if m.layer not in LEVELS])


def test_imports_only_go_down() -> None:
    complaints = []
    for module in all_modules():
        for target, line in module.own_imports:
            layer = target.partition(".")[0]
            if target == "" and module.layer in LIBRARY:
                complaints.append(f"{module}:{line} imports the package itself")
            elif LEVELS[layer] > LEVELS[module.layer] and (module.name, target) not in _LAZY:
                complaints.append(f"{module}:{line} imports {target}, of a higher layer")
    complain(complaints)


#: The public names lead to what is built on them: imported by type checkers, and when asked for.
_LAZY = {("", "downloads"), ("_client.session", "downloads")}


def test_what_leads_upwards_is_imported_when_asked_for() -> None:
    code = "import sys, anyiohttp; print(*(m for m in sys.modules if m.startswith('anyiohttp.')))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = done.stdout.split()
    assert "anyiohttp._client.session" in loaded
    assert not [name for name in loaded if LEVELS[name.split(".")[1]] > LEVELS[""]]


#: What a plain GET does not need: loaded by the first call that does.
_HEAVY = {
    "anyiohttp._client.conversation",
    "anyiohttp._client.digest",
    "anyiohttp._client.digest_auth",
    "anyiohttp._client.sse",
    "anyiohttp._client.tracing",
    "anyiohttp._client.websocket",
    "anyiohttp._client.websocket_connect",
    "anyiohttp._connect.async_resolver",
    "anyiohttp._connect.challenges",
    "anyiohttp._connect.socks_tunnels",
    "anyiohttp._connect.tunnels",
    "anyiohttp._message.body_part",
    "anyiohttp._message.connection_info",
    "anyiohttp._message.etags",
    "anyiohttp._message.event_stream",
    "anyiohttp._message.multipart_reader",
    "anyiohttp._protocol.http2.connection",
    "anyiohttp._protocol.malformed",
    "anyiohttp._protocol.websocket.messages",
    "anyiohttp.downloads",
    "anyiohttp.testing",
    *("aiodns", "anyio.streams.tls", "asyncio", "brotli", "calendar", "click", "datetime"),
    *("email", "h2", "hashlib", "isal", "logging", "mimetypes", "netrc", "rich", "shlex"),
    *("subprocess", "tempfile", "trio", "urllib.request", "uuid", "uvloop", "websockets"),
    "zlib_ng",
}


def test_what_a_get_does_not_need_is_loaded_when_it_is_needed() -> None:
    code = (
        "import sys, anyio, yarl, multidict; before = set(sys.modules);"
        "import anyiohttp; print(*(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert "anyiohttp._client.session" in loaded
    assert not sorted(loaded & _HEAVY)


def test_users_of_the_client_use_public_names() -> None:
    complain(
        [
            f"{module}:{line} imports {target}"
            for module in all_modules()
            if module.layer in ("cli", "downloads") and not module.name.startswith("cli.loopback")
            for target, line in module.own_imports
            if target.startswith("_")
        ]
    )


def test_strangers_do_not_know_each_other() -> None:
    complaints = []
    for module in library():
        for target, line in module.own_imports:
            if {module.layer, target.partition(".")[0]} in STRANGERS:
                complaints.append(f"{module}:{line} imports {target}")
            if (
                module.layer == "_message"
                and target.startswith("_protocol")
                and target != MESSAGE_SEES
            ):
                complaints.append(f"{module}:{line} imports {target}, not only {MESSAGE_SEES}")
    complain(complaints)


def test_no_import_cycles() -> None:
    graph = {
        module.name: {target for target, _ in module.own_imports if target != module.name}
        for module in all_modules()
        if not module.is_package
    }
    done: set[str] = set()
    path: list[str] = []

    def visit(name: str) -> None:
        if name in path:
            cycle = [*path[path.index(name) :], name]
            pytest.fail(" → ".join(cycle))
        if name in done or name not in graph:
            return
        path.append(name)
        for target in sorted(graph[name]):
            visit(target)
        path.pop()
        done.add(name)

    for name in graph:
        visit(name)


@pytest.mark.parametrize(
    ("package", "layers"),
    [
        ("httptools", {"_protocol"}),
        ("h2", {"_protocol", "testing"}),
        ("hpack", {"_protocol"}),
        ("hyperframe", {"testing"}),
        ("websockets", {"_protocol"}),
        ("socket", {"_connect", "_net", "cli", "testing"}),
        ("asyncio", set()),
        ("trio", set()),
        ("uvloop", set()),
        ("sniffio", set()),
    ],
)
def test_who_may_import(package: str, layers: set[str]) -> None:
    complain(
        [
            f"{module}:{line} imports {package}"
            for module in all_modules()
            if module.layer in LEVELS and module.layer not in layers
            for name, line in module.foreign_imports
            if name == package and (module.name, package) not in _SEEN_ELSEWHERE
        ]
    )


#: The public signatures name constants and types of `socket`, which opens none. Of asyncio the
#: reader takes an error's name, for aiohttp's users; the fast paths of sockets are the loops' own.
_SEEN_ELSEWHERE = {
    ("_message.reader", "asyncio"),
    ("_net.alarms", "asyncio"),
    ("_net.asyncio_streams", "asyncio"),
    ("_net.trio_streams", "trio"),
    ("_net.trio_turns", "trio"),
    ("_net.uvloop_streams", "asyncio"),
    ("abc", "socket"),
    ("testing.cancellation", "asyncio"),  # whose own ways to cancel are tried, too
    ("typedefs", "socket"),
}


# --- purity ---


def test_pure_modules_are_pure() -> None:
    complaints = []
    for module in all_modules():
        if module.name not in PURE:
            continue
        complaints += [
            f"{module}:{line} imports {name}"
            for name, line in module.foreign_imports
            if name in ("anyio", "asyncio", "trio")
        ]
        complaints += [
            f"{module}:{node.lineno} has {type(node).__name__}"
            for node in ast.walk(module.tree)
            if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
        ]
    complain(complaints)


#: Who turns what the system raises into our errors.
_ALWAYS_OURS = {"OSError", "SSLError", "SSLCertVerificationError", "BrokenResourceError"}
_ALWAYS_OURS |= {"ClosedResourceError", "CertificateError", "gaierror", "ConnectionError"}
_ALWAYS_OURS |= {"ConnectionResetError", "BrokenPipeError", "NETWORK_FAILURES"}


def test_only_net_catches_what_the_network_raises() -> None:
    complaints = []
    for module in library():
        if module.layer in ("_net", "_connect") or module.name in _FILES:
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and node.type is not None:
                caught = {
                    part.id if isinstance(part, ast.Name) else part.attr
                    for part in ast.walk(node.type)
                    if isinstance(part, ast.Name | ast.Attribute)
                }
                if wrong := caught & _ALWAYS_OURS:
                    complaints.append(f"{module}:{node.lineno} catches {', '.join(wrong)}")
    complain(complaints)


#: Modules that read files: their ``OSError`` is not the network's.
_FILES = {"_message.payload_files", "_message.mimetypes", "_client.netrc", "_client.cookies"}


def test_no_async_generators_in_the_library() -> None:
    complain(
        [
            f"{module}:{function.lineno} {function.name} is an async generator"
            for module in library()
            for function in functions(module.tree)
            if isinstance(function, ast.AsyncFunctionDef)
            and any(isinstance(node, ast.Yield) for node in _own_nodes(function))
        ]
    )


# --- coupling ---


def test_no_private_attributes_of_others() -> None:
    complain(
        [
            f"{module}:{line} touches {text}"
            for module in all_modules()
            for line, text in _foreign_attributes(module)
        ]
    )


#: Public in spite of their names.
_NAMEDTUPLE = ("_replace", "_asdict", "_fields", "_make")


def _foreign_attributes(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr.startswith("_")
            and not node.attr.endswith("__")
            and node.attr not in _NAMEDTUPLE
            and not _is_own(node.value)
        ):
            yield node.lineno, ast.unparse(node)


def _is_own(value: ast.expr) -> bool:
    """Whether it is ``self``, ``cls``, ``type(self)``, ``super()``, or ``other`` of a method."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in ("type", "super")
    return isinstance(value, ast.Name) and value.id in ("self", "cls", "other")


def test_no_modules_without_a_subject() -> None:
    complain(
        [
            f"{module}: a module needs a subject"
            for module in all_modules()
            if module.name.rpartition(".")[2] in ("utils", "util", "helpers", "common", "misc")
        ]
    )


# --- size and form ---


def test_docstrings_say_what_modules_know() -> None:
    complaints = []
    for module in all_modules():
        docstring = ast.get_docstring(module.tree) or ""
        if not docstring:
            complaints.append(f"{module}: no docstring")
        elif module.layer in LIBRARY and not module.is_package and "Knows" not in docstring:
            complaints.append(f"{module}: the docstring does not say what it knows")
    complain(complaints)


def test_modules_are_short() -> None:
    complain(
        [
            f"{module}: {lines} lines"
            for module in all_modules()
            if module.name != "exceptions"  # the whole tree of errors in one place, by design
            and (lines := module.source.count("\n")) > MAX_MODULE_LINES
        ]
    )


def test_functions_are_short_and_simple() -> None:
    public = set(getattr(anyiohttp, "__all__", ()))
    complaints = []
    for module in all_modules():
        for owner, function in _with_owners(module.tree):
            where = f"{module}:{function.lineno} {function.name}"
            lines = _code_lines(function)
            if owner in public or (owner, function.name) in _MIRRORS:
                lines -= _signature_lines(function)  # the public API's options are aiohttp's
            if lines > MAX_FUNCTION_LINES:
                complaints.append(f"{where}: {lines} lines")
            if (complexity := _complexity(function)) > MAX_COMPLEXITY:
                complaints.append(f"{where}: complexity {complexity}")
    complain(complaints)


def test_functions_take_few_parameters() -> None:
    public = set(getattr(anyiohttp, "__all__", ()))
    complaints = []
    for module in all_modules():
        for owner, function in _with_owners(module.tree):
            arguments = function.args
            names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
            count = len(names) - (names[:1] in (["self"], ["cls"])) + len(arguments.kwonlyargs)
            is_public = (owner or function.name) in public or (owner, function.name) in _MIRRORS
            if count > MAX_PARAMETERS and not is_public:
                complaints.append(f"{module}:{function.lineno} {function.name}: {count} parameters")
    complain(complaints)


#: Not public by name, but with the parameters of something public.
_MIRRORS = {("Counts", "add"), ("Preparation", "request")}


def _code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function without its docstring."""
    assert function.end_lineno is not None
    total = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        assert first.end_lineno is not None
        total -= first.end_lineno - first.lineno + 1
    return total


def _signature_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function before its body."""
    return function.body[0].lineno - function.lineno


_BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)


def _complexity(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """McCabe's number, as ruff's C901 counts it (branches, loops, handlers, cases)."""
    complexity = 1
    for node in _own_nodes(function):
        if isinstance(node, _BRANCHES) or (isinstance(node, ast.Try) and node.orelse):
            complexity += 1
    return complexity


def _own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions and classes inside it."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            pending += ast.iter_child_nodes(node)


def _with_owners(
    tree: ast.Module,
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function with the name of the class it is a method of."""
    methods = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for child in node.body:
                methods[child] = node.name
    for function in functions(tree):
        yield methods.get(function, ""), function
