"""What is done to the store, as a table, and when, as a plan made from a seed. Called by run."""
import os
import random
import signal
import threading
import time
from dataclasses import dataclass

from store import BALLAST


@dataclass
class Fault:
    at: float  # seconds from the begin
    kind: str
    target: str  # a process's name; "load" for what is done with the client
    seconds: float
    other: str = ""  # blackhole: where the packets do not arrive


def kill9(world, fault):
    process = world.store_process(fault.target)
    with process.lock:
        process.kill()
        time.sleep(fault.seconds)
        process.start()


def pause(world, fault):
    process = world.store_process(fault.target)
    with process.lock:
        process.signal(signal.SIGSTOP)
        time.sleep(fault.seconds)
        process.signal(signal.SIGCONT)


def restart(world, fault):
    process = world.store_process(fault.target)
    with process.lock:
        process.stop()
        process.start()


def cut_link(world, fault):
    world.network.set_link(fault.target, False)
    time.sleep(fault.seconds)
    world.network.set_link(fault.target, True)


def blackhole(world, fault):
    world.network.set_blackhole(fault.target, fault.other, True)
    time.sleep(fault.seconds)
    world.network.set_blackhole(fault.target, fault.other, False)


def quality(name):
    def spoil(world, fault):
        world.network.set_quality(fault.target, name, True)
        time.sleep(fault.seconds)
        world.network.set_quality(fault.target, name, False)

    return spoil


def fill_disk(world, fault):
    ballast = world.store_process(fault.target).disk / BALLAST
    with open(ballast, "wb", buffering=0) as file:
        for size in (1 << 20, 4096):  # down to the last page
            try:
                while True:
                    file.write(os.urandom(size))
            except OSError:
                pass
    time.sleep(fault.seconds)
    ballast.unlink()


def burst(world, fault):
    world.tell_client("burst")
    time.sleep(fault.seconds)
    world.tell_client("calm")


def crash_database(world, fault):
    world.database.stop(signal.SIGQUIT)
    time.sleep(fault.seconds)
    world.database.start()


STORES = ("inventory", "payment", "order")
ALL = (*STORES, "gateway")
# What is done, to which kinds of process, at least and at most how long it lasts, and what must not be done to the same
# process at the same time.
KINDS = {
    "kill -9": (kill9, ALL, 0.1, 2.0, "process"),
    "SIGSTOP": (pause, ALL, 0.3, 4.0, "process"),
    "restart": (restart, ALL, 0.0, 0.0, "process"),
    "link cut": (cut_link, ALL, 0.3, 4.0, "link"),
    "one-way loss": (blackhole, ALL, 0.5, 4.0, "way"),
    "slow link": (quality("slow"), ALL, 1.0, 5.0, "quality"),
    "lossy link": (quality("lossy"), ALL, 1.0, 5.0, "quality"),
    "disk full": (fill_disk, STORES, 0.5, 3.0, "disk"),
    "load burst": (burst, None, 0.5, 2.0, "load"),
}
# And with PostgreSQL.
DATABASE_KINDS = {
    "database crash": (crash_database, ("database",), 0.1, 2.0, "process"),
    "database cut": (cut_link, ("database",), 0.3, 4.0, "link"),
}


def plan(seed, seconds, kinds_done, processes, pause_between=(0.2, 1.6)):
    """Faults for so many seconds, in the order of their time; the kinds come round in shuffled rounds, so that a short
    run has each of them too."""
    rng, faults, at, round_left = random.Random(seed), [], 0.5, []
    names = {kind: [p.name for p in processes if p.kind == kind] for kind in (*ALL, "database")}
    while at < seconds - 1:
        round_left = round_left or rng.sample(list(kinds_done), len(kinds_done))
        kind = round_left.pop()
        _, kinds, least, most, _ = kinds_done[kind]
        target = rng.choice(names[rng.choice(kinds)]) if kinds else "load"
        neighbours = [n for k in ALL for n in names[k] if k != target.rsplit("-", 1)[0]]
        other = rng.choice(neighbours) if kind == "one-way loss" else ""
        faults.append(Fault(round(at, 2), kind, target, round(min(rng.uniform(least, most), seconds - at), 2), other))
        at += rng.uniform(*pause_between)
    return faults


def carry_out(world, faults, kinds):
    """Each at its time, on a thread of its own; waits until all have been healed. Returns how many of each kind."""
    begin, threads, done, troubles = time.monotonic(), [], dict.fromkeys(kinds, 0), []
    locks = {(kinds[fault.kind][4], fault.target): threading.Lock() for fault in faults}

    def do(fault):
        act, _, _, _, group = kinds[fault.kind]
        try:
            with locks[group, fault.target]:
                world.note(f"{fault.kind} {fault.target}{fault.other and ' to ' + fault.other} {fault.seconds:.1f} s")
                act(world, fault)
                done[fault.kind] += 1
        except Exception as error:  # of any kind: a fault that was not made must not look like one
            troubles.append(f"{fault}: {error!r}")

    for fault in faults:
        time.sleep(max(0, begin + fault.at - time.monotonic()))
        threads.append(threading.Thread(target=do, args=(fault,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    if troubles:
        raise RuntimeError("; ".join(troubles))
    return done
