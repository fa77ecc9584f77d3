"""OpenSearch with its plugins out of Maven Central, once, into a cache folder; every file is verified."""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from kosplade.errors import UserError

VERSION = "3.6.0"
NORI = "org.apache.lucene:lucene-analysis-nori:10.4.0:jar"  # the Lucene of that OpenSearch
SERVER = f"org.opensearch.distribution.integ-test-zip:opensearch:{VERSION}:zip"  # with all modules, without a JDK
# In the order in which they need each other: neural-search does not start without ml and knn.
PINS = {
    SERVER: "a91faa1dc1cadc78cb278b4f63847e19e1627a4e9de698e14e7efc14ee37b286",
    NORI: "20d73821c1cf44f59f89175981560be7c31c9530b92f1a886b8b6ef7c7fec1f8",
} | {
    f"org.opensearch.plugin:{name}:{VERSION}.0:zip": digest
    for name, digest in {
        "opensearch-job-scheduler": "f81d0aa9fc850b18f803292bd7ae68bd33561f6c1d12db0f68529d40eddcee24",
        "opensearch-ml-plugin": "c051d436fe1936da1477bb999db829eb2bc92b12989e376c300d0a874fb90f9d",
        "opensearch-knn": "ac392ca28a39b3bf290648a422ef30cb149dda2963a9d7feb26060e932341c9a",
        "neural-search": "6ef1b206e79391e2e36268e32dc34d27fd8b8a59a8eb0a7393c97d53b038e433",
    }.items()
}
# What ml-commons would download when it deploys a model: libtorch as its DJL 0.31.1 wants it, and the JNI library of
# DJL 0.32, which has the same interface; not every mirror has that of 0.31.1.
_TORCH = "ai.djl.pytorch:pytorch-native-cpu:2.5.1:jar:linux-x86_64"
LIBTORCH = {
    _TORCH: "9c4f35fb64cb3fba34340b432c648e1bea044adeee554b473d5882499b16f0a4",
    "ai.djl.pytorch:pytorch-jni:2.5.1-0.32.0:jar": "342bde24382eef06e93a2461fd8f293e5c2c6c72caca7d66019d0a9447d96265",
}
JVMS = Path("/usr/lib/jvm")
JAVA = 21  # the oldest that this OpenSearch takes
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_DESCRIPTOR = f"""name=analysis-nori
description=Lucene's Korean analysis
version={VERSION}
opensearch.version={VERSION}
java.version={JAVA}
classname=NoriPlugin
"""


def cache_folder() -> Path:
    """Where servers and their data lie: $KOSPLADE_OPENSEARCH, or a folder that the user running them may read.

    A server never runs as root, so root's home would not do.
    """
    own = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    return Path(os.environ.get("KOSPLADE_OPENSEARCH") or own / "kosplade/opensearch").absolute()


def find_java() -> Path:
    """The folder of a JDK of version JAVA or later: in JAVA_HOME, PATH or /usr/lib/jvm; UserError for none.

    A runtime without compiler would not do: nori is compiled.
    """
    found = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    if java := shutil.which("java"):
        found.append(Path(java).resolve().parent.parent)
    for folder in [*found, *sorted(JVMS.glob("*"))]:
        release = folder / "release"
        version = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.MULTILINE) if release.exists() else None
        if version and int(version[1]) >= JAVA and (folder / "bin/javac").exists():
            return folder
    raise UserError(f"No JDK {JAVA} or later in JAVA_HOME, PATH or {JVMS}. Install one, or start Docker.")


def install() -> Path:
    """The folder of the server, made unless it is there. UserError: no JDK, no Maven, no network, another file."""
    pins = hashlib.sha256(repr((PINS, LIBTORCH, _DESCRIPTOR, _nori_source())).encode()).hexdigest()[:8]
    home = cache_folder() / f"opensearch-{VERSION}-{pins}"
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
                made = _make(Path(scratch), find_java())
                os.replace(made, home)
    return home


def _make(scratch: Path, java: Path) -> Path:
    files = {pin: fetch(pin, digest, scratch) for pin, digest in PINS.items()}
    home = scratch / f"opensearch-{VERSION}"
    shutil.unpack_archive(files.pop(SERVER), scratch)
    for script in (home / "bin").iterdir():
        script.chmod(0o755)  # lost by Python's unpacking
    options = home / "config/jvm.options"
    lines = options.read_text().splitlines()
    # A server may not write into this folder: no logs of collections, no dumps.
    options.write_text("\n".join(line for line in lines if "logs/" not in line and "HeapDump" not in line) + "\n")
    _make_nori(home, files.pop(NORI), java)
    environment = os.environ | {"JAVA_HOME": str(java), "OPENSEARCH_PATH_CONF": str(home / "config")}
    _run([home / "bin/opensearch-plugin", "install", "--batch", *(p.as_uri() for p in files.values())], environment)
    # Made here, or every server would write one into this folder, which it may only read.
    _run([home / "bin/opensearch-keystore", "create"], environment)
    if _has_libtorch():
        (home / "libtorch").mkdir()
        for pin, digest in LIBTORCH.items():
            with zipfile.ZipFile(fetch(pin, digest, scratch)) as jar:
                for name in jar.namelist():
                    if re.search(r"/cpu/linux-x86_64/lib|linux-x86_64/cpu/lib", name):
                        (home / "libtorch" / Path(name).name).write_bytes(jar.read(name))
    for path in [home, *home.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o444 | (0o111 if path.is_dir() else 0))
    return home


def _has_libtorch() -> bool:
    """Whether Maven Central has libtorch for this machine; on others, ml-commons downloads it itself."""
    return (platform.system(), platform.machine()) == ("Linux", "x86_64")


def fetch(pin: str, digest: str, folder: Path) -> Path:
    """A verified file `group:artifact:version:type` of Maven Central or its mirror in Maven's own settings."""
    if not shutil.which("mvn"):
        raise UserError("Maven (mvn) is not in PATH. Install it, or start Docker.")
    _, artifact, version, kind = pin.split(":")[:4]
    command = ["mvn", "--batch-mode", "--quiet", _COPY, f"-Dartifact={pin}", f"-DoutputDirectory={folder}"]
    _run(command, dict(os.environ))
    classifier = "".join(f"-{part}" for part in pin.split(":")[4:])
    path = folder / f"{artifact}-{version}{classifier}.{kind}"
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != digest:
        raise UserError(f"Maven's {pin} has sha256 {found}, not {digest}. Delete it in ~/.m2 and run this again.")
    return path


def _make_nori(home: Path, lucene: Path, java: Path) -> None:
    folder = home / "plugins/analysis-nori"
    folder.mkdir()
    shutil.copy(lucene, folder)
    (folder / "plugin-descriptor.properties").write_text(_DESCRIPTOR)
    with tempfile.TemporaryDirectory() as classes:
        source = Path(classes) / "NoriPlugin.java"
        source.write_text(_nori_source())
        jars = f"{home}/lib/*{os.pathsep}{folder}/*"
        _run([java / "bin/javac", "--release", str(JAVA), "-cp", jars, "-d", classes, source], dict(os.environ))
        with zipfile.ZipFile(folder / "analysis-nori.jar", "w") as jar:
            for path in sorted(Path(classes).glob("*.class")):
                jar.write(path, path.name)


def _nori_source() -> str:
    return Path(__file__).with_name("NoriPlugin.java").read_text()


def _run(command: list[str | Path], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if re.search("error|exception", line, re.I)]
        said = re.sub(r"\x1b\[[0-9;]*m", "", lines[0] if lines else f"exit status {done.returncode}")
        raise UserError(f"OpenSearch could not be installed: {Path(command[0]).name}: {said.strip()[:400]}")
