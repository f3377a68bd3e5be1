# The API with its console, and the command line: everything but what only the Spark job needs.
# BASE_IMAGE is any Debian with Python 3.11 or newer, `venv` included; docker/local-images.sh makes one where none can be pulled.
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/crmsearch
WORKDIR /build
COPY pyproject.toml constraints.txt ./
# The dependencies change seldom, so they are a layer of their own. How pip reaches its index, and which authorities it trusts, comes as
# secrets of the build and stays in no layer; both may be left out.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=authorities,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
names = [*project["dependencies"], *project["optional-dependencies"]["traces"]]; \
print(*(name for name in names if not name.startswith(("pyspark=", "pandas=", "scikit-learn="))), sep="\n")' > dependencies.txt \
    && /opt/crmsearch/bin/pip install --constraint constraints.txt --requirement dependencies.txt
COPY README.md ./
COPY src src
COPY mappings mappings
COPY spark spark
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=authorities,target=/etc/ssl/certs/ca-certificates.crt \
    /opt/crmsearch/bin/pip install --no-deps . \
    && /opt/crmsearch/bin/pip uninstall --yes pip

FROM ${BASE_IMAGE}
# The number is that of the user in Elasticsearch's and Kibana's images, so that all can read the files they share and nobody else.
RUN useradd --uid 1000 --gid 0 --home-dir /var/lib/crmsearch --no-create-home --shell /usr/sbin/nologin crmsearch \
    && install --directory --owner=1000 --group=0 --mode=0700 /var/lib/crmsearch /var/cache/crmsearch \
    /setup/trust /setup/elastic /setup/elasticsearch /setup/kibana /setup/api /setup/job /setup/spark /setup/admin /setup/backups
COPY --from=build /opt/crmsearch /opt/crmsearch
COPY --chmod=0755 docker/entrypoint.sh docker/setup.py docker/healthy.py /opt/crmsearch/docker/
ENV PATH=/opt/crmsearch/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    CRMSEARCH_STATE_DIR=/var/lib/crmsearch CRMSEARCH_CACHE_DIR=/var/cache/crmsearch
USER 1000:0
WORKDIR /var/lib/crmsearch
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 CMD ["python", "/opt/crmsearch/docker/healthy.py", "http://127.0.0.1:8000/health/live"]
ENTRYPOINT ["/opt/crmsearch/docker/entrypoint.sh"]
CMD ["serve", "--host", "0.0.0.0"]
