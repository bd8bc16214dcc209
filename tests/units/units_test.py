#!/usr/bin/env python3
"""The installation: every file in its place, units that systemd takes and finds tight, and words that the program takes.

usage: units_test.py CMAKE BUILD
"""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

CMAKE, BUILD = sys.argv[1], sys.argv[2]
del sys.argv[1:]
ROLES = ("node", "solve", "audit", "store")
EXPOSURE_MAX = 20  # of 100, by systemd's own count


class Units(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="assay-units-")
        cls.prefix = os.path.join(cls.folder.name, "prefix")
        subprocess.run([CMAKE, "--install", BUILD, "--prefix", cls.prefix], check=True, stdout=subprocess.DEVNULL)
        cls.units = {role: os.path.join(cls.prefix, "lib", "systemd", "system", f"assay-{role}.service") for role in ROLES}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def read(self, *path):
        with open(os.path.join(self.prefix, *path)) as f:
            return f.read()

    def analyze(self, *words):
        if not shutil.which("systemd-analyze"):
            self.skipTest("there is no systemd-analyze")
        return subprocess.run(["systemd-analyze", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def test_files(self):
        for path in ("bin/assay", "include/assay_verify.h", "share/man/man1/assay.1"):
            self.assertTrue(os.path.isfile(os.path.join(self.prefix, path)), path)
        libraries = [f for root, _, files in os.walk(self.prefix) for f in files if f.endswith(".a")]
        self.assertEqual(libraries, ["libassay-verify.a"])
        done = subprocess.run([os.path.join(self.prefix, "bin", "assay"), "--version"], stdout=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stdout[:6]), (0, "assay "))

    def test_every_role_has_a_user_and_a_folder(self):
        users, folders = self.read("lib", "sysusers.d", "assay.conf"), self.read("lib", "tmpfiles.d", "assay.conf")
        for role in ROLES:
            unit = self.read("lib", "systemd", "system", f"assay-{role}.service")
            user = re.search(r"^User=(\S+)$", unit, re.M)[1]
            self.assertRegex(users, rf"(?m)^u {user} ")
            self.assertRegex(folders, rf"(?m)^d /var/lib/assay/{role} 0700 {user} {user}$")
            self.assertNotIn("@", re.sub(r"~?@(system-service|privileged|resources)\b", "", unit), "a place that was not filled in")

    def test_systemd_takes_them(self):
        done = self.analyze("verify", "--man=no", *self.units.values())
        about = [line for line in done.stdout.split("\n") if "assay-" in line]
        self.assertEqual((done.returncode, about), (0, []), done.stdout)

    def test_systemd_finds_them_tight(self):
        for unit in self.units.values():
            done = self.analyze("security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", unit)
            if "unrecognized option" in done.stdout or "Unknown" in done.stdout:
                self.skipTest("an old systemd-analyze")
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_program_takes_the_words(self):
        """Started on an empty folder each says that the key, or the chain, is missing: so it knew all the words before."""
        empty = os.path.join(self.folder.name, "empty")
        os.mkdir(empty)
        for role in ROLES:
            with self.subTest(role=role):
                text = self.read("lib", "systemd", "system", f"assay-{role}.service")
                settings = dict(re.findall(r"^Environment=(\w+)=(.*)$", text, re.M))
                words = re.search(r"^ExecStart=(.*)$", text, re.M)[1].replace(f"/var/lib/assay/{role}", empty)
                for name, value in settings.items():
                    words = words.replace("${" + name + "}", value).replace("$" + name, value)
                self.assertNotIn("$", words)
                words = shlex.split(words)
                self.assertEqual(words[0], os.path.join(self.prefix, "bin", "assay"))
                done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertIn("there is no chain in it" if role == "node" else "there is no key in it", done.stdout)

    def test_the_first_step_is_one_that_works(self):
        """What the unit says to do before the first start leaves the file that the unit waits for."""
        for role in ROLES[1:]:
            text = self.read("lib", "systemd", "system", f"assay-{role}.service")
            folder = os.path.join(self.folder.name, role)
            words = shlex.split(re.search(r"^# Before the first start: +sudo -u assay-\w+ (.*)$", text, re.M)[1].replace(f"/var/lib/assay/{role}", folder))
            subprocess.run([os.path.join(self.prefix, "bin", "assay"), *words[1:]], check=True, stdout=subprocess.DEVNULL)
            needed = re.search(r"^ConditionPathExists=(.*)$", text, re.M)[1].replace(f"/var/lib/assay/{role}", folder)
            self.assertTrue(os.path.exists(needed), needed)


if __name__ == "__main__":
    unittest.main()
