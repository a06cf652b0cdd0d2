"""What can be said of docker/ without an engine; prints what is wrong, nothing where all is well."""
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
IMAGES = {"order", "payment", "inventory", "gateway", "runner"}
WITH_HEALTH = IMAGES - {"runner"}
wrong = []


def expect(holds, what):
    if not holds:
        wrong.append(what)


def instructions(text):
    """(INSTRUCTION, arguments) of each line, comments and blank lines apart."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line.strip() and not line.startswith("#")]


def check_images():
    first_stages = set()
    files = {path.name.removesuffix(".Dockerfile"): path.read_text() for path in DOCKER.glob("*.Dockerfile")}
    expect(set(files) == IMAGES, f"Dockerfiles of {sorted(files)}, not of {sorted(IMAGES)}")
    for name, text in files.items():
        first, _, last = re.sub(r"(?m)^#.*\n", "", text).partition("\n\n")
        first_stages.add(first)
        steps = instructions(last)
        names = [step for step, _ in steps]
        users = [argument for step, argument in steps if step == "USER"]
        expect(names.count("FROM") == 1, f"{name}: the last stage is not the second")
        expect(users and users[-1] == "store", f"{name}: does not run as the user store")
        expect(not re.search(r"apt-get|apt |curl |wget |ADD ", text), f"{name}: installs other than by install-packages.sh")
        expect(not re.search(r"(?m)^(ENTRYPOINT|CMD) (?!\[)", text), f"{name}: runs its program through a shell")
        expect(("HEALTHCHECK" in names) == (name in WITH_HEALTH), f"{name}: health check")
        for step, argument in steps:
            if step == "COPY" and not argument.startswith("docker/packages.txt"):
                expect(argument.startswith(("--from=build /build/bin/", "docker/dev-ca.sh ")), f"{name}: COPY {argument}")
    expect(len(first_stages) == 1, "the first stages differ: the engine would build the store more than once")
    for image in re.findall(r"(?m)^ARG DEBIAN=(.*)$", "\n".join(files.values())):
        expect(image == "debian:bookworm-slim", f"a base image of its own: {image}")


def check_compose():
    known = set(re.findall(r"`([A-Z_]+[A-Z])`", (ROOT / "README.md").read_text()))
    known |= {f"STORE_{s}_{w}" for s in ("ORDER", "PAYMENT", "INVENTORY") for w in ("LISTEN", "ADDRESS", "HTTP_PORT")}
    known |= {"DOCKER_ENV", "DEMO_REPORTS_DIR", "STORE_GATEWAY_HOST", "STORE_GATEWAY_URL"}
    base = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    for path in sorted(DOCKER.glob("compose*.yaml")):
        overlay = path.name != "compose.yaml"
        document = yaml.safe_load(path.read_text())
        volumes = set(document.get("volumes") or {}) | set(base["volumes"])
        for name, service in document["services"].items():
            where = f"{path.name}: {name}"
            whole = not overlay or name not in base["services"]
            whole = whole and name != "secrets"
            for key in ("image", "mem_limit", "restart") if whole and service.get("user") != "root" else ():
                expect(key in service, f"{where} has no {key}")
            if whole and str(service.get("image", "")).startswith("store-demo/") and service.get("user") != "root":
                for key in ("read_only", "cap_drop", "security_opt", "stop_grace_period", "pids_limit"):
                    expect(service.get(key), f"{where} has no {key}")
            expect(not str(service.get("image", "x:1")).endswith(":latest"), f"{where}: an image without a version")
            for port in service.get("ports", []):
                expect(port.startswith("${STORE_PUBLISH:-127.0.0.1}:"), f"{where} publishes {port} to everybody")
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                expect(source.startswith(".") or source in volumes, f"{where}: no volume {source}")
            for variable in service.get("environment", {}):
                ours = variable.startswith(("STORE_", "OTEL_", "DOCKER_", "DEMO_"))
                expect(not ours or variable in known, f"{where}: {variable} is not in the README")
            for other in service.get("depends_on", {}):
                expect(other in document["services"] or other in base["services"], f"{where} depends on {other}")


check_images()
check_compose()
print("\n".join(wrong), end="")
