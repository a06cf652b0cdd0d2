"""Debian's PostgreSQL in a namespace of its own, reached over TCP by the store's processes, with its data in the test's
folder. Used by run --postgres and rolling_restart."""
import glob
import os
import pathlib
import signal
import subprocess
import time

USER, START_SECONDS = "postgres", 30
# The server refuses to run as root: there it is another user of the kernel's making, whoever runs the test.
AS_USER = ("unshare", "--user", "--map-user=nobody", "--map-group=nogroup", "--")
SETTINGS = {"listen_addresses": "*", "unix_socket_directories": "", "max_connections": "200"}


class Database:
    name, kind = "database", "database"

    def __init__(self, network, folder):
        self.network, self.folder = network, folder / "database"
        self.address = network.add(self.name)
        self.bin = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))[-1]).parent
        self.folder.mkdir()
        self.url = f"postgres://{USER}@{self.address}/{USER}"
        as_it_is = ("-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        self._as_user("initdb", "-D", self.folder / "data", "-U", USER, *as_it_is).wait()
        with open(self.folder / "data/pg_hba.conf", "a", encoding="utf-8") as file:
            file.write("host all all 10.77.0.0/16 trust\n")
        self.popen = None

    def _as_user(self, program, *arguments):
        words = [*AS_USER, str(self.bin / program), *map(str, arguments)]
        with open(self.folder.parent / "database.log", "ab") as log:
            return subprocess.Popen(self.network.inside(self.name) + words, cwd="/", stdin=subprocess.DEVNULL, stdout=log,
                                    stderr=log)

    def is_ready(self):
        return self._as_user("pg_isready", "-h", self.address, "-q").wait() == 0

    def start(self):
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        self.popen = self._as_user("postgres", "-D", self.folder / "data", *settings)
        end = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if time.monotonic() > end:
                raise RuntimeError("PostgreSQL does not start")
            time.sleep(0.1)

    def stop(self, number=signal.SIGINT):
        """SIGINT: its fast shutdown; SIGQUIT: as a crash, to be recovered from."""
        pid = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        os.kill(pid, number)
        self.popen.wait()
