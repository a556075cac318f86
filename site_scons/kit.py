# SPDX-License-Identifier: MIT
"""What SConstruct and the rooms' SConscripts use: compiler settings, libraries, programs, the kernel, the image.

Thin on purpose: what is more than calling a tool is in the importable, tested modules of l4vm (formats, decode,
description, pack). Tasks and the kernel are freestanding x86-64; paths are mapped out of them, so that the same sources
give the same bytes in any folder.
"""

import contextlib
import importlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from SCons.Script import Action, AlwaysBuild, Depends, Environment, Exit, File, Glob

from l4vm import font
from l4vm.decode.emit import write_header
from l4vm.description import load_description
from l4vm.errors import L4vmError, nearest
from l4vm.formats import cheader

TARGETS = {
    "image": "boot file, disk image, report (the default)",
    "run": "boot the image in QEMU, on this terminal",
    "test": "all tests",
    "golden": "compare generated code with what was accepted",
    "accept": "accept the generated code as it is now",
    "fuzz": "1,000,000 random instructions against a second emulator, and more",
    "bench": "the translator beside QEMU",
    "size": "section sizes of kernel and programs",
    "lint": "ruff and mypy",
    "compdb": "compile_commands.json",
    "help": "this list",
}
COMMON = [
    "-std=c11", "-g", "-ffreestanding", "-fno-pic", "-fno-pie", "-mno-red-zone", "-fno-stack-protector", "-nostdlib",
    "-fno-asynchronous-unwind-tables", "-fno-strict-aliasing",
    "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-Werror",
]  # fmt: skip
KERNEL = ["-mgeneral-regs-only", "-mcmodel=kernel"]
MODES = {"release": ["-O2"], "debug": ["-O1", "-DK_DEBUG"]}
INCLUDE = ["kernel/include", "kernel/user/include", "devsrv/include", "translator/include"]
FORMATS = ("args", "boot_image", "link", "system_table")
PYTHON_ROOMS = ("formats", "description", "pack", "guests", "binding")


@dataclass(frozen=True)
class Choices:
    """The values of the build's variables."""

    board: str
    image: str
    mode: str
    verbose: bool


@contextlib.contextmanager
def stop_on_error():
    """Say an L4vmError as it is and end with its code."""
    try:
        yield
    except L4vmError as error:
        print(error, file=sys.stderr)
        Exit(error.exit_code)


def choices_of(arguments, root):
    """Read the variables of the command line.

    Raises:
        L4vmError: a variable or a value that is not known; the sentence names the nearest.
    """
    known = {
        "board": sorted(p.stem for p in Path(root, "boards").glob("*.toml")),
        "image": sorted(p.parent.name for p in Path(root, "images").glob("*/image.toml")),
        "mode": sorted(MODES),
        "verbose": ["0", "1"],
    }
    values = {"board": "x86-embedded", "image": "demo", "mode": "release", "verbose": "0"}
    for name, value in arguments.items():
        if name not in known:
            raise L4vmError(f"scons {name}={value}: there is no variable '{name}'", nearest(name, list(known)))
        if value not in known[name]:
            raise L4vmError(f"scons {name}={value}: no such {name}", nearest(value, known[name]))
        values[name] = value
    return Choices(values["board"], values["image"], values["mode"], values["verbose"] == "1")


def refuse(targets, known, root):
    """Refuse a target that is neither a word of the table nor a file below build/.

    Raises:
        L4vmError: naming the nearest word.
    """
    for target in targets:
        if target not in known and not os.path.normpath(target).startswith("build" + os.sep):
            raise L4vmError(f"scons {target}: there is no target '{target}'", nearest(target, list(known)))


class Kit:
    """One build: board, image and mode."""

    def __init__(self, choices, root):
        self.choices = choices
        self.root = root
        self.out = f"#build/{choices.board}-{choices.image}-{choices.mode}"
        self.gen = f"{self.out}/gen"
        self.python = sys.executable
        env = Environment(tools=["gcc", "gas", "ar"], ENV={"PATH": os.environ["PATH"]})
        env["ENV"]["PYTHONPATH"] = os.pathsep.join([os.path.join(root, "host_runtime"), root])
        for name in ("HOME", "L4VM_CACHE"):
            if name in os.environ:
                env["ENV"][name] = os.environ[name]
        flags = [*COMMON, *MODES[choices.mode], f"-ffile-prefix-map={root}=."]
        env.Replace(
            CC="gcc",
            CCFLAGS=flags,
            CPPPATH=[*(f"#{path}" for path in INCLUDE), self.gen],
            RANLIBFLAGS="-D",
            ARFLAGS="rcD",
        )
        if not choices.verbose:
            env.Replace(
                CCCOMSTR="  compile  $SOURCE",
                ASPPCOMSTR="  assemble $SOURCE",
                ARCOMSTR="  archive  $TARGET",
                RANLIBCOMSTR="  index    $TARGET",
            )
        self.env = env
        self._programs = {}
        self._libraries = {}
        self._kernel = None
        self._runtime = []
        self._database = None
        self._compiled = []
        self._generate()

    def describe(self):
        """Read and check board and image; errors end the build before anything is made."""
        self.description = load_description(
            Path(self.root, "boards", f"{self.choices.board}.toml"),
            Path(self.root, "images", self.choices.image, "image.toml"),
        )

    # ---- generated headers ----

    def _python_files(self, *rooms):
        return [
            File(str(p)) for room in rooms for p in sorted(Path(self.root, "host_runtime/l4vm", room).glob("**/*.py"))
        ]

    def command(self, targets, sources, action, text):
        """Make targets by an action with one quiet line."""
        return self.env.Command(targets, sources, Action(action, None if self.choices.verbose else f"  {text} $TARGET"))

    def _generate(self):
        for name in FORMATS:

            def make(target, source, env, name=name):
                Path(str(target[0])).write_text(
                    cheader.header(importlib.import_module(f"l4vm.formats.{name}")), encoding="utf-8"
                )

            source = [f"#host_runtime/l4vm/formats/{name}.py", "#host_runtime/l4vm/formats/cheader.py"]
            self.command(f"{self.gen}/{name}_gen.h", source, make, "generate")

        def make_font(target, source, env):
            Path(str(target[0])).write_text(font.header(font.load()), encoding="utf-8")

        sources = [File(str(font.PATH)), "#host_runtime/l4vm/font/__init__.py"]
        self.command(f"{self.gen}/font_gen.h", sources, make_font, "generate")

    def decoder(self, table, header):
        """Generate a guest's decoder from its table."""

        def make(target, source, env):
            write_header(Path(str(source[0])), Path(str(target[0])))

        node = self.command(f"{self.gen}/{header}", [table], make, "generate")
        Depends(node, self._python_files("decode"))

    # ---- objects, libraries, programs ----

    def objects(self, group, sources, extra=(), include=()):
        """Compile sources into this build's folder; group names the folder."""
        env = self.env
        if extra or include:
            env = env.Clone()
            env.AppendUnique(CCFLAGS=list(extra))
            env.PrependUnique(CPPPATH=list(include))
        nodes = []
        for source in sorted(env.arg2nodes(sources, File), key=str):
            relative = os.path.relpath(source.srcnode().abspath, self.root)
            node = env.Object(f"{self.out}/obj/{group}/{os.path.splitext(relative)[0]}.o", source)
            self._compiled.append(
                (relative, env.subst("$CC -o $TARGET -c $CCFLAGS $_CPPINCFLAGS $SOURCE", target=node, source=[source]))
            )
            nodes += node
        return nodes

    def library(self, name, sources, include=()):
        """Make a static library that programs may link."""
        self._libraries[name] = self.env.StaticLibrary(
            f"{self.out}/lib/{name}", self.objects("task", sources, include=include)
        )

    def runtime(self, sources):
        """Objects at the start of every program: crt0 and libl4."""
        self._runtime = self.objects("task", sources)

    def program(self, name, sources, libraries=(), include=()):
        """Offer a task's program; it is linked when an image needs it."""
        self._programs[name] = (sources, tuple(libraries), tuple(include))

    def _link(self, name, objects, libraries, script, memory_model=""):
        elf, listing = f"{self.out}/bin/{name}.elf", f"{self.out}/bin/{name}.asm"
        flags = "-static --build-id=none -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments"
        words = f"ld {flags} -T {script} -Map {elf.lstrip('#')[:-4]}.map"
        sources = [*objects, *libraries]
        node = self.command(elf, sources, f"{words} -o $TARGET $SOURCES", "link    ")
        Depends(node, File(f"#{script}"))
        self.env.SideEffect(f"{elf[:-4]}.map", node)
        self.command(listing, node, "objdump -d --no-show-raw-insn $SOURCE > $TARGET", "list    ")
        return node

    def kernel(self, sources, include):
        """Compile and link the kernel."""
        self._kernel = self._link(
            "kernel", self.objects("kernel", sources, KERNEL, include), [], "kernel/boot/kernel.ld"
        )

    def _program_elf(self, name):
        if name not in self._programs:
            sentence = f"there is neither {name}.c beside the image file nor such a program of devsrv/"
            raise L4vmError(
                f"{self.description.where_program(name)}: {sentence}", nearest(name, sorted(self._programs))
            )
        sources, libraries, include = self._programs[name]
        objects = self.objects("task", sources, include=include)
        return self._link(
            name,
            [*self._runtime, *objects],
            [self._libraries[library] for library in (*libraries, "end")],
            "kernel/user/task.ld",
        )

    def realtime_programs(self):
        """The image's own C files: a real-time task or a server each."""
        for source in Glob(f"#images/{self.choices.image}/*.c"):
            self.program(os.path.splitext(source.name)[0], [source], ["rt", "port", "ds"])

    # ---- the image ----

    def elves(self):
        """Return kernel and programs of this image."""
        return [*self._kernel, *self._images_programs]

    def image(self):
        """Pack kernel, programs and guests."""
        with stop_on_error():
            self._images_programs = [node for name in self.description.programs for node in self._program_elf(name)]
        name, out = self.choices.image, self.out.lstrip("#")
        outputs = [
            f"{self.out}/{file}"
            for file in (f"{name}.elf", f"{name}.img", "report.json", "report.txt", "manifest.json")
        ]
        words = [
            self.python,
            "-m",
            "l4vm.pack",
            "--board",
            f"boards/{self.choices.board}.toml",
            "--image",
            f"images/{name}/image.toml",
        ]
        words += ["--programs", f"{out}/bin", "--kernel", f"{out}/bin/kernel.elf", "--out", out]
        sources = [*self.elves(), f"#boards/{self.choices.board}.toml", f"#images/{name}/image.toml"]
        node = self.command(outputs, sources, " ".join(words), "pack    ")
        Depends(node, self._python_files(*PYTHON_ROOMS))
        Depends(node, [File(str(path)) for path in self.description.files])
        listings = [File(str(elf)[:-4] + ".asm") for elf in self.elves()]
        return [*node, *listings, *self.compilation_database()]

    def compilation_database(self):
        """Make compile_commands.json of all that this build compiles (JSON Compilation Database, LLVM)."""
        if not self._database:
            entries = [
                {"directory": self.root, "file": file, "command": words} for file, words in sorted(set(self._compiled))
            ]
            text = json.dumps(entries, indent=1) + "\n"

            def make(target, source, env):
                Path(str(target[0])).write_text(source[0].get_text_contents(), encoding="utf-8")

            self._database = self.command("#compile_commands.json", self.env.Value(text), make, "list    ")
        return self._database

    def phony(self, name, words, sources):
        """Run a command each time it is asked for."""
        node = self.env.Command(
            f"{self.out}/.{name}", sources, Action(words, None if self.choices.verbose else f"  {name}")
        )
        AlwaysBuild(node)
        return node
