"""The package as people get it: installed without a network, and used as the README prints it."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import unittest
import zipfile
from typing import List

from .support import ROOT, TestCase

README = (ROOT / "README.md").read_text(encoding="utf-8")


class ReadmeTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.daemon = self.start_daemon()
        self.work = self.folder / "work"
        self.work.mkdir()

    def run_text(self, script: str) -> str:
        done = self.python(script, cwd=str(self.work))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_every_example_runs(self) -> None:
        examples = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        self.assertEqual(len(examples), 8)
        output = [self.run_text(example) for example in examples]
        self.assertEqual([event["type"] for event in self.daemon.events("render-42")],
                         ["job_created", "job_started", "stage_started"]
                         + ["stage_progress"] * 100
                         + ["stage_started", "log", "stage_completed", "stage_completed",
                            "job_completed"])
        self.assertEqual([event["message"] for event in self.daemon.events("nightly")
                          if event["type"] == "log"], ["disk is 91% full"])
        self.assertEqual([event["message"] for event in self.daemon.events("release-7")
                          if event["type"] == "log"], ["rejected "])
        self.assertIn(f"\n    {output[3]}", README)
        self.assertIn("stage_started encode/audio", output[4])
        self.assertEqual(output[5].split()[-1], "job_completed")
        self.assertEqual(self.command_line("verify", str(self.work / "runs"))
                         .returncode, 0)

    def test_curl_does_the_same(self) -> None:
        found = dict(re.findall(r"^\| `(.*?)` \| `(curl.*)` \|$", README, re.MULTILINE))
        self.assertEqual(len(found), 5)
        head = (f"AUTH='Authorization: Bearer default-admin-token-change-me'\n"
                f"J={self.daemon.url}/api/v1/jobs/render-42\n")
        for python, curl in found.items():
            if "wait=60" in curl or "-N" in curl:
                # Both wait for somebody else: a moment shows that they begin.
                curl = curl.replace("wait=60", "wait=0").replace("-N", "-N -m 1")
            done = subprocess.run(["bash", "-c", head + curl], stdout=subprocess.PIPE, text=True,
                                  stderr=subprocess.PIPE, env=self.environment)
            if done.returncode == 127:
                self.skipTest("no curl")
            self.assertNotIn('"code"', done.stdout, python)
        self.assertEqual([event["type"] for event in self.daemon.events("render-42")],
                         ["log", "stage_progress", "gate_pause", "job_completed"])

    def test_every_public_name_is_there(self) -> None:
        import stagelog
        for name in stagelog.__all__:
            self.assertTrue(hasattr(stagelog, name), name)


class InstallTest(TestCase):
    def run_program(self, *command: str) -> str:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              cwd=str(self.folder),
                              env={**self.environment, "PIP_NO_INDEX": "1", "PYTHONPATH": "",
                                   "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_pip_installs_it_into_a_fresh_environment_without_a_network(self) -> None:
        place = self.folder / "venv"
        try:
            self.run_program(sys.executable, "-m", "venv", "--without-pip", str(place))
        except AssertionError as problem:
            self.skipTest(f"no venv: {problem}")
        python = str(place / "bin" / "python")
        # pip itself stays outside: to unpack another one takes longer than all else.
        pip = (sys.executable, "-m", "pip", "--python", python)
        try:
            self.run_program(*pip, "--version")
        except AssertionError as problem:
            self.skipTest(f"no pip that installs elsewhere (22.3 or later): {problem}")
        self.run_program(*pip, "install", str(ROOT))
        daemon = self.start_daemon()
        where = self.run_program(python, "-c", "import stagelog\n"
                                 "stagelog.JobLogger('installed').complete()\n"
                                 "print(stagelog.__file__)\n")
        self.assertIn(str(place), where)
        self.assertEqual(daemon.events("installed")[-1]["type"], "job_completed")
        self.assertIn("Version: 0.1.0", self.run_program(*pip, "show", "stagelog"))

    def test_what_is_in_a_wheel_and_a_source_archive(self) -> None:
        script = ("import sys; sys.path.insert(0, sys.argv[1])\n"
                  "import backend\n"
                  "print(backend.build_wheel('.'), backend.build_sdist('.'))\n")
        names = self.run_program(sys.executable, "-c", script,
                                 str(ROOT / "build_backend")).split()
        with zipfile.ZipFile(self.folder / names[0]) as wheel:
            self.assertIsNone(wheel.testzip())
            files: List[str] = wheel.namelist()
            metadata = wheel.read("stagelog-0.1.0.dist-info/METADATA").decode()
        sources = {f"stagelog/{path.name}" for path in (ROOT / "stagelog").iterdir()
                   if path.is_file()}
        self.assertEqual({name for name in files if ".dist-info" not in name}, sources)
        self.assertIn("stagelog/py.typed", files)
        self.assertIn("Requires-Python: >=3.9", metadata)
        self.assertNotIn("Requires-Dist", metadata)
        with tarfile.open(self.folder / names[1]) as archive:
            inside = archive.getnames()
        for name in ("PKG-INFO", "pyproject.toml", "README.md", "build_backend/backend.py",
                     "stagelog/py.typed", "tests/support.py"):
            self.assertIn(f"stagelog-0.1.0/{name}", inside)

    def test_the_version_is_one(self) -> None:
        import stagelog
        project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        self.assertIn(f'version = "{stagelog.__version__}"', project)


if __name__ == "__main__":
    unittest.main()
