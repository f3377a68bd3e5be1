#!/bin/sh
# Makes stand-ins for the images that compose.yaml would pull, on a machine that reaches no registry of images: a base from Debian, and an
# Elasticsearch out of the files of the local node; then builds our own images on that base. Prints the variables that have compose use them.
# There is no stand-in for Kibana, whose profile is left out then.
#
#   docker/local-images.sh > docker/.env          # or only some of them: docker/local-images.sh elasticsearch api
#
# Wants debootstrap and root for the base, and of crmsearch the local node (`crmsearch node install`) with a JDK 21 or newer for Elasticsearch.
# DOCKER, PYTHON, DEBIAN_MIRROR choose others. How this machine's pip and Java reach their indexes is passed as secrets of the build.
set -eu
cd "$(dirname "$0")/.."
docker=${DOCKER:-docker}
python=${PYTHON:-.venv/bin/python}
tag=local
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Secrets of a build take BuildKit: Debian's client has it built in, newer ones in a plugin that may be missing.
export DOCKER_BUILDKIT=1
if ! $docker build --help 2>&1 | grep -q -e --secret; then
    echo "$docker builds without BuildKit here; install its plugin buildx, or name another client: DOCKER=/usr/bin/docker $0" >&2
    exit 1
fi

exists() { $docker image inspect "$1" > /dev/null 2>&1; }

make_base() {
    # shellcheck disable=SC2086 - without a mirror debootstrap takes its own
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv bookworm "$work/root" ${DEBIAN_MIRROR:-} >&2
    rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
    tar -C "$work/root" -c . | $docker import --change 'CMD ["python3"]' --change 'ENV LANG=C.UTF-8' - crmsearch-base:$tag >&2
}

make_elasticsearch() {
    $python - "$work/elasticsearch" >&2 << 'PYTHON'
import shutil
import sys
from pathlib import Path

from crmsearch.java import find_java
from crmsearch.node import install
from crmsearch.settings import from_env

settings, target = from_env(), Path(sys.argv[1])
shutil.copytree(install(settings), target / "home")
shutil.copytree(find_java("elasticsearch", settings.node.java_home).home, target / "jdk", ignore=shutil.ignore_patterns("jmods", "src.zip", "man"))
shutil.copy("docker/elasticsearch-entrypoint.sh", target / "entrypoint.sh")
PYTHON
    $docker build --network host --build-arg BASE_IMAGE=crmsearch-base:$tag --file docker/elasticsearch.Dockerfile \
        --tag crmsearch-elasticsearch:$tag "$work/elasticsearch" >&2
}

# pip says its configuration in `section.name='value'`; folders of this machine are of no use in a build.
{ echo '[global]'; $python -m pip config list | sed -n "/find-links/d; s/^.*\.\([a-z-]*\)='\(.*\)'\$/\1 = \2/p" | awk '{ last[$1] = $0 } END { for (name in last) print last[name] }'; } > "$work/pip.conf"
# What is not there is not passed; the build goes without.
secret() { if [ -f "$2" ]; then echo "--secret id=$1,src=$2"; fi; }
secrets="$(secret pip.conf "$work/pip.conf") $(secret authorities /etc/ssl/certs/ca-certificates.crt)"
secrets="$secrets $(secret java-authorities /etc/ssl/certs/java/cacerts) $(secret ivysettings.xml "$HOME/.ivy2/ivysettings.xml")"
# Our own are built each time, which is quick where nothing has changed.
build() {
    # shellcheck disable=SC2086 - a list of words, none of which has a space
    $docker build --network host --build-arg BASE_IMAGE=crmsearch-base:$tag $secrets \
        --file "docker/$1.Dockerfile" --tag "crmsearch-$1:$tag" . >&2
}

exists crmsearch-base:$tag || make_base
for image in ${*:-elasticsearch api spark}; do
    case $image in
        elasticsearch) exists crmsearch-elasticsearch:$tag || make_elasticsearch ;;
        *) build "$image" ;;
    esac
    echo "$(echo "$image" | tr a-z A-Z)_IMAGE=crmsearch-$image:$tag"
done
