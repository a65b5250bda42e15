#!/usr/bin/env python3
"""Writes how apt and pip are set up on this machine as files that an image's build gets as secrets.

    host_settings.py FOLDER

FOLDER gets apt.conf, sources.list, pip.conf and ca.crt, empty where there is nothing to say. Prints the folders and
files that pip's settings name (wheels, indexes, constraints): the build needs them at the same paths.
"""
import ast
import os
import pathlib
import re
import subprocess
import sys

SECRETS = "/run/secrets"
CERTIFICATE_VARIABLES = ("PIP_CERT", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


def output_of(*command):
    """What a command prints; nothing where it is missing or fails."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def apt_sources():
    """Debian's archives as this machine names them, if it runs the release that the image is made of."""
    release = pathlib.Path("/etc/os-release").read_text(encoding="utf-8")
    if not re.search(r"^VERSION_CODENAME=bookworm$", release, re.M) or not re.search(r"^ID=debian$", release, re.M):
        return ""
    lines = output_of("apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)",
                      "Created-By: Packages", "Origin: Debian")
    return "".join(f"{line}\n" for line in sorted(set(lines.splitlines())))


def apt_configuration(has_sources, has_certificates):
    """Proxies of this machine's apt, and where the build finds the other files."""
    lines = re.findall(r'^Acquire::(?:https?|ftp)::(?:Proxy|proxy)(?:::[^ ]*)? ".+";$', output_of("apt-config", "dump"),
                       re.M)
    if has_sources:
        lines += [f'Dir::Etc::sourcelist "{SECRETS}/sources.list";', 'Dir::Etc::sourceparts "-";']
    if has_certificates:
        lines.append(f'Acquire::https::CaInfo "{SECRETS}/ca.crt";')
    return "".join(f"{line}\n" for line in lines)


def pip_settings():
    """pip's settings from all its files and the environment, the latter last as they count most."""
    settings = {}
    lines = output_of(sys.executable, "-m", "pip", "config", "list").splitlines()
    for line in sorted(lines, key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        settings[name.rsplit(".", 1)[-1]] = str(ast.literal_eval(value))
    return settings


def local_paths(settings):
    """The folders and files of this machine that the settings name."""
    found = set()
    for value in settings.values():
        for word in value.split():
            path = pathlib.Path(word.removeprefix("file://"))
            if path.is_absolute() and path.exists():
                found.add(str(path))
    return sorted(found)


def main():
    folder = pathlib.Path(sys.argv[1])
    settings = pip_settings()
    certificates = [settings.pop("cert", "")] + [os.environ.get(name, "") for name in CERTIFICATE_VARIABLES]
    bundle = next((name for name in certificates if name and os.path.isfile(name)), None)
    sources = apt_sources()
    texts = {
        "sources.list": sources,
        "apt.conf": apt_configuration(bool(sources), bundle is not None),
        "pip.conf": "".join(["[global]\n"] + [f"{k} = {v}\n" for k, v in settings.items()]) if settings else "",
        "ca.crt": pathlib.Path(bundle).read_text(encoding="utf-8") if bundle else "",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    for path in local_paths(settings):
        print(path)


if __name__ == "__main__":
    main()
