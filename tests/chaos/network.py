"""A network of the test's own, made of the kernel's namespaces: each node is a namespace with one link to a router, this
process's namespace. Links are cut, packets between two nodes vanish, and what passes a link is held up or spoilt on its
way. Used by run and rolling_restart; enter() comes first, and with the process that called it all of this is gone."""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
# What spoilt.py does to the packets of a link: delay and its spread in ms, shares lost and doubled.
QUALITIES = {"slow": (60, 50, 0.0, 0.0), "lossy": (3, 15, 0.15, 0.05)}
FIRST_TABLE = 100  # of routes, one for each quality


def enter():
    """Starts this program again where its network, mounts and processes are its own: whatever ends it, by kill -9 too,
    ends them. Without root that takes a user namespace."""
    if os.getpid() == 1:
        return
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    spaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    os.execvp("unshare", ["unshare", *user, *spaces, "--", sys.executable, *sys.argv])


def command(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stdout.strip()}")
    return done.stdout


class Network:
    def __init__(self):
        command("mount", "-t", "tmpfs", "none", "/run")  # the namespaces' names are there: ours alone
        command("ip", "link", "set", "lo", "up")
        pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        self.addresses, self.boxes = {}, []
        for table, (quality, settings) in enumerate(QUALITIES.items(), FIRST_TABLE):
            self._add_box(f"box-{quality}", table, settings)

    def _add_box(self, name, table, settings):
        """Packets that the table's route leads into the device come out of it again as spoilt.py pleases."""
        command("ip", "tuntap", "add", name, "mode", "tun")
        self.boxes.append(subprocess.Popen([sys.executable, HERE / "spoilt.py", name, *map(str, settings)]))
        command("ip", "link", "set", name, "up")
        command("ip", "route", "add", "default", "dev", name, "table", str(table))
        command("ip", "rule", "add", "pref", "10", "iif", name, "lookup", "main")

    def add(self, node):
        """Returns its address. The router's end of its link is of the node's name."""
        number = len(self.addresses) + 1
        router, self.addresses[node] = f"10.77.{number}.1", f"10.77.{number}.2"
        inside = ("ip", "-n", node)
        command("ip", "netns", "add", node)
        command("ip", "link", "add", node, "type", "veth", "peer", "name", "uplink", "netns", node)
        command("ip", "address", "add", f"{router}/24", "dev", node)
        command("ip", "link", "set", node, "up")
        command(*inside, "link", "set", "lo", "up")
        command(*inside, "address", "add", f"{self.addresses[node]}/24", "dev", "uplink")
        command(*inside, "link", "set", "uplink", "up")
        command(*inside, "route", "add", "default", "via", router)
        return self.addresses[node]

    @staticmethod
    def inside(node):
        """What comes before a command that is to run there."""
        return ["ip", "netns", "exec", node]

    @staticmethod
    def set_link(node, is_up):
        command("ip", "link", "set", node, "up" if is_up else "down")

    def set_blackhole(self, sender, receiver, is_there):
        """One way: what the one sends vanishes, what the other sends arrives."""
        command("ip", "rule", "add" if is_there else "del", "pref", "50", "iif", sender, "to", self.addresses[receiver],
                "blackhole")

    def set_quality(self, node, quality, is_so):
        """Of all that the node sends and is sent."""
        table = str(FIRST_TABLE + list(QUALITIES).index(quality))
        for way in (("iif", node), ("to", self.addresses[node])):
            command("ip", "rule", "add" if is_so else "del", "pref", table, *way, "lookup", table)
