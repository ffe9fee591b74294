"""Copies the built tools into the package: those of the build folder or install prefix that MPC_BUILD names, else of build/.

Without either, the package looks for mpc-compile where it runs (mpc.find_tool).
"""

import os
import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

ROOT = Path(__file__).resolve().parent
TOOLS = ("mpc-compile", "mpc-run")


def built():
    """The folder with bin/ and lib/, or None."""
    chosen = os.environ.get("MPC_BUILD")
    folder = Path(chosen) if chosen else ROOT / "build"
    missing = [tool for tool in TOOLS if not (folder / "bin" / tool).exists()]
    if chosen and missing:
        sys.exit(f"MPC_BUILD: {folder}/bin has no {' and no '.join(missing)}")
    return None if missing else folder


class BuildWithTools(build_py):
    def run(self):
        super().run()
        folder = built()
        if folder is None or self.editable_mode:
            return
        tools = Path(self.build_lib) / "mpc" / "_tools"
        # What mpc-compile links into a library, in the folders where it looks for it.
        library = next(path.parent for path in sorted(folder.glob("lib*/**/libmpc_runtime.a")))
        shutil.rmtree(tools, ignore_errors=True)
        for target in (tools / "bin", tools / "lib"):
            target.mkdir(parents=True)
        for tool in TOOLS:
            shutil.copy2(folder / "bin" / tool, tools / "bin")
        for archive in library.glob("libmpc_runtime*.a"):
            shutil.copy2(archive, tools / "lib")
        shutil.copytree(library / "mpc" / "stubs", tools / "lib" / "mpc" / "stubs")


class PlatformWheel(bdist_wheel):
    def get_tag(self):
        _, _, platform = super().get_tag()
        return "py3", "none", platform if built() else "any"


class DistributionWithTools(Distribution):
    def has_ext_modules(self):
        return built() is not None


setup(cmdclass={"build_py": BuildWithTools, "bdist_wheel": PlatformWheel}, distclass=DistributionWithTools)
