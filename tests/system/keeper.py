"""Keeps a machine booted: systemd as process 1 of its own namespaces, on an overlay over this host's root.

A script of the standard library alone. `keep` holds the overlay in a mount namespace of its own, boots the machine
and boots it anew when it was restarted; it ends the machine, and takes back all that it made outside, when its
standard input closes. That happens also when those who use the machine are killed. `become` turns into process 1.
"""

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

LOOK_EVERY_S = 0.01
CLEAR_S = 10.0
CGROUPS = Path("/sys/fs/cgroup")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
UPPER_SIZE = "2g"
RESTARTED = {-signal.SIGHUP, 128 + signal.SIGHUP}
"""How the kernel reports a process 1 that asked for a restart (pid_namespaces(7), reboot(2))."""
_UNWANTED = (
    "console-getty.service",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "getty.target",
    "ldconfig.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-journald-audit.socket",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-remount-fs.service",
    "systemd-sysctl.service",
    "systemd-timesyncd.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udevd.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
)
"""What needs real hardware, or would reach the host's."""
_DEVICES = {"null": "1:3", "zero": "1:5", "full": "1:7", "random": "1:8", "urandom": "1:9", "tty": "5:0"}


@dataclass(frozen=True)
class Plan:
    """payload: a tree laid over the root. binds: host directories, read-only, by their place in the machine."""

    at: str
    name: str
    payload: str
    binds: dict[str, str]


def _sh(*command: str) -> None:
    subprocess.run(command, check=True)


def _mount(kind: str, target: Path, options: str = "") -> None:
    target.mkdir(exist_ok=True)
    _sh("mount", "-n", "-t", kind, kind, str(target), *(("-o", options) if options else ()))


# ---------------------------------------------------------------- control groups


def _hierarchies() -> dict[str, Path]:
    """Where each hierarchy is mounted, by the name of its directory; "" is the unified one."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ")
        place = Path(before.split(" ")[4])
        if after.startswith("cgroup2 "):
            found[""] = place
        elif after.startswith("cgroup "):
            found[place.name] = place
    return found


def _group_directories(name: str) -> list[Path]:
    """One new directory a hierarchy, below our own group, to confine the machine to."""
    own = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controller, path = line.split(":", 2)
        own[controller.removeprefix("name=")] = path.lstrip("/")
    made = []
    for controller, root in _hierarchies().items():
        if controller:
            parent = root / own.get(controller, "")
        else:  # there, a group with processes can pass no controller on
            parent = root
            for one in ("memory", "pids", "cpu", "io"):
                with suppress(OSError):  # belongs to another hierarchy, or is not ours to give
                    (root / "cgroup.subtree_control").write_text(f"+{one}")
        group = (parent if parent.is_dir() else root) / name
        group.mkdir()
        made.append(group)
        if controller == "cpuset":  # a new one has neither, and takes no process
            for file in ("cpuset.cpus", "cpuset.mems"):
                (group / file).write_text((group.parent / file).read_text())
    return made


def _drop(groups: Sequence[Path]) -> None:
    """Remove the directories, deepest first; their processes may take a moment to be gone."""
    until = time.monotonic() + CLEAR_S
    while any(group.exists() for group in groups) and time.monotonic() < until:
        for group in groups:
            for directory, _, _ in os.walk(group, topdown=False):
                with suppress(OSError):
                    Path(directory).rmdir()
        time.sleep(LOOK_EVERY_S)


# ---------------------------------------------------------------- keep


def keep(plan: Plan) -> None:
    """Until standard input closes. The machine's process 1 stands in the file `init`, anew after each boot."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)  # whoever sends them ends the user as well, and with it our input
    groups: list[Path] = []
    try:
        groups = _group_directories(plan.name)
        _prepare(plan)
        while _boot_once(plan, groups) in RESTARTED:
            pass
    finally:
        _drop(groups)
        _sh("umount", "-n", "-l", str(Path(plan.at) / "disk"))
        shutil.rmtree(plan.at, ignore_errors=True)


def _prepare(plan: Plan) -> None:
    """The machine's disk: an overlay that outlives a restart, configured and with the payload laid over it."""
    disk = Path(plan.at) / "disk"
    _mount("tmpfs", disk, f"mode=755,size={UPPER_SIZE}")
    root = disk / "root"
    for one in ("upper", "work", "root"):
        (disk / one).mkdir()
    layers = f"lowerdir=/,upperdir={disk / 'upper'},workdir={disk / 'work'}"
    _sh("mount", "-n", "-t", "overlay", "overlay", "-o", layers, str(root))
    units = root / "etc/systemd/system"
    for stale in (units, root / "var/log/journal"):
        shutil.rmtree(stale, ignore_errors=True)
    units.mkdir(parents=True)
    for unit in _UNWANTED:
        (units / unit).symlink_to("/dev/null")
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    (root / "etc/fstab").write_text("")
    (root / "etc/machine-id").write_text(os.urandom(16).hex() + "\n")
    (root / "etc/hostname").write_text(f"{plan.name}\n")
    journald = root / "etc/systemd/journald.conf.d"
    journald.mkdir(exist_ok=True)
    (journald / "machine.conf").write_text("[Journal]\nStorage=persistent\nRateLimitBurst=0\n")
    # As root's, and without laying the payload's own modes over directories that are there.
    with subprocess.Popen(
        ["tar", "-C", plan.payload, "--owner=0", "--group=0", "-c", "."], stdout=subprocess.PIPE
    ) as packing:
        subprocess.run(["tar", "-C", root, "--no-overwrite-dir", "-x", "-p"], stdin=packing.stdout, check=True)


def _boot_once(plan: Plan, groups: Sequence[Path]) -> int:
    """One life of the machine; how it ended (0 where nobody needs it any more)."""
    entering = [sys.executable, __file__, "become", json.dumps(asdict(plan))]
    namespaces = ("--mount", "--uts", "--ipc", "--pid", "--cgroup", "--net")
    with (Path(plan.at) / "console").open("ab") as console:
        boot = subprocess.Popen(
            # The cgroup namespace's root is where one stands as it is made: so into the groups before that.
            ["sh", "-c", 'for g in $GROUPS_; do echo $$ > "$g/cgroup.procs"; done; exec "$@"', "sh",
             "unshare", *namespaces, "--fork", "--kill-child=KILL", "--propagation", "private", *entering],
            env={"PATH": os.environ["PATH"], "GROUPS_": " ".join(map(str, groups))},
            stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
        )  # fmt: skip
    init = Path(plan.at) / "init"
    told = False
    with selectors.DefaultSelector() as ours:
        ours.register(sys.stdin, selectors.EVENT_READ)
        while boot.poll() is None:
            if not told and (pid := _child_named(boot.pid, "systemd")):
                # unshare(1) itself stands outside: in the machine's group it would show as process 0 there.
                for group in groups:
                    (group.parent / "cgroup.procs").write_text(str(boot.pid))
                init.write_text(str(pid))
                told = True
            if ours.select(LOOK_EVERY_S if not told else 10 * LOOK_EVERY_S) and not sys.stdin.read(1):
                _end(boot)
                return 0
    init.unlink(missing_ok=True)
    return boot.returncode


def _child_named(parent: int, name: str) -> int | None:
    with suppress(OSError):
        for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                return int(pid)
    return None


def _end(boot: "subprocess.Popen[bytes]") -> None:
    """Killing process 1 of a namespace kills all of it; unshare(1) kills it as it dies (--kill-child)."""
    boot.kill()
    boot.wait()


# ---------------------------------------------------------------- become


def become(plan: Plan) -> None:
    """Process 1 of the machine, in its namespaces: mounts, then systemd."""
    os.umask(0o022)
    root = Path(plan.at) / "disk/root"
    _mount("proc", root / "proc", "nosuid,nodev,noexec")
    for name in ("sys", "sysrq-trigger"):  # the host's kernel is not the machine's to set
        if (place := root / "proc" / name).exists():
            _sh("mount", "-n", "--bind", str(place), str(place))
            _sh("mount", "-n", "-o", "remount,bind,ro,nosuid,nodev,noexec", str(place))
    _mount("sysfs", root / "sys", "ro,nosuid,nodev,noexec")
    _mount_groups(root / "sys/fs/cgroup")
    _mount_devices(root / "dev")
    for name, mode in (("run", "755"), ("tmp", "1777")):
        _mount("tmpfs", root / name, f"mode={mode},nosuid,nodev")
    for inside, source in plan.binds.items():
        target = root / inside.lstrip("/")
        target.mkdir(parents=True, exist_ok=True)
        _sh("mount", "-n", "--bind", source, str(target))
        _sh("mount", "-n", "-o", "remount,bind,ro", str(target))
    old = root / ".old"
    old.mkdir(exist_ok=True)
    os.chdir(root)
    _sh("pivot_root", ".", ".old")
    os.chdir("/")
    _sh("umount", "-n", "-l", "/.old")
    _sh("mount", "-n", "--make-rshared", "/")
    _sh("hostname", plan.name)
    os.execve(  # noqa: S606 - becoming it is the point
        "/lib/systemd/systemd",
        ["systemd", "--system", "--unit=multi-user.target", "--show-status=no"],
        {"container": "machine", "LANG": "C.UTF-8", "PATH": PATH},
    )


def _mount_groups(target: Path) -> None:
    """As the host has it: unified alone, or with the old controllers beside it."""
    controllers = {name for name in _hierarchies() if name}
    if not controllers:
        _mount("cgroup2", target, "nosuid,nodev,noexec")
        return
    _mount("tmpfs", target, "mode=755,nosuid,nodev,noexec")
    _mount("cgroup2", target / "unified")
    for name in controllers | {"systemd"}:
        _mount("cgroup", target / name, "none,name=systemd" if name == "systemd" else name)


def _mount_devices(target: Path) -> None:
    _mount("tmpfs", target, "mode=755,nosuid,size=4m")
    for name, numbers in _DEVICES.items():
        major, minor = map(int, numbers.split(":"))
        os.mknod(target / name, 0o020666, os.makedev(major, minor))
        (target / name).chmod(0o666)
    for name, place in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"),
                        ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")):  # fmt: skip
        (target / name).symlink_to(place)
    _mount("devpts", target / "pts", "newinstance,ptmxmode=0666,mode=620,gid=5")
    _mount("tmpfs", target / "shm", "mode=1777,nosuid,nodev")


if __name__ == "__main__":
    {"keep": keep, "become": become}[sys.argv[1]](Plan(**json.loads(sys.argv[2])))
