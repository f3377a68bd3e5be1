# Spark: the driver that `crmsearch ingest` starts, the master and the workers of a standalone cluster; one image, so that all have the same.
# BASE_IMAGE is any Debian with Python 3.11 or newer and `venv`, and a package openjdk-17-jre-headless.
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE} AS java
# Debian's own mirror keeps one version of a package only, so the suite is what is pinned.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless procps \
    && rm -rf /var/lib/apt/lists/*

FROM java AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/crmsearch
WORKDIR /build
COPY pyproject.toml constraints.txt ./
# As in api.Dockerfile: what pip needs to reach its index comes as secrets of the build, and may be left out.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=authorities,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' > dependencies.txt \
    && /opt/crmsearch/bin/pip install --constraint constraints.txt --requirement dependencies.txt
COPY README.md ./
COPY src src
COPY mappings mappings
COPY spark spark
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=authorities,target=/etc/ssl/certs/ca-certificates.crt \
    /opt/crmsearch/bin/pip install --no-deps .
# By the Ivy that PySpark carries, and only if it has the SHA-256 pinned in artifacts.py.
RUN --mount=type=secret,id=ivysettings.xml,target=/root/.ivy2/ivysettings.xml \
    --mount=type=secret,id=java-authorities,target=/etc/ssl/certs/java/cacerts \
    mkdir /opt/crmsearch/jars \
    && /opt/crmsearch/bin/python -c 'from pathlib import Path; from crmsearch.artifacts import CONNECTOR, fetch; \
fetch(CONNECTOR, Path("/tmp/fetched")).rename("/opt/crmsearch/jars/elasticsearch-spark.jar")' \
    && /opt/crmsearch/bin/pip uninstall --yes pip

FROM java
RUN useradd --uid 1000 --gid 0 --home-dir /var/lib/crmsearch --no-create-home --shell /usr/sbin/nologin crmsearch \
    && install --directory --owner=1000 --group=0 --mode=0700 /var/lib/crmsearch /var/cache/crmsearch /var/spool/spark
COPY --from=build /opt/crmsearch /opt/crmsearch
COPY --chmod=0755 docker/entrypoint.sh docker/healthy.py /opt/crmsearch/docker/
ENV PATH=/opt/crmsearch/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    SPARK_LOCAL_DIRS=/var/spool/spark SPARK_NO_DAEMONIZE=1 \
    CRMSEARCH_STATE_DIR=/var/lib/crmsearch CRMSEARCH_CACHE_DIR=/var/cache/crmsearch \
    CRMSEARCH_SPARK_CONNECTOR_JAR=/opt/crmsearch/jars/elasticsearch-spark.jar
USER 1000:0
WORKDIR /var/lib/crmsearch
# Of a master; compose.yaml says where a worker answers. A job ends by itself, and its exit code says how.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 CMD ["python", "/opt/crmsearch/docker/healthy.py", "http://127.0.0.1:8080/"]
ENTRYPOINT ["/opt/crmsearch/docker/entrypoint.sh"]
CMD ["--help"]
