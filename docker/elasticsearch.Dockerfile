# Stand-in for Elastic's own image, with the files of the local node; local-images.sh prepares the folder that it is built from.
# It behaves as that one as far as compose.yaml goes: user 1000:0, port 9200, ELASTIC_PASSWORD_FILE, settings from variables with dots.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN apt-get update && apt-get install --yes --no-install-recommends curl && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --gid 0 --home-dir /usr/share/elasticsearch --no-create-home --shell /usr/sbin/nologin elasticsearch
COPY jdk /opt/jdk
COPY --chown=1000:0 home /usr/share/elasticsearch
COPY --chmod=0755 entrypoint.sh /usr/local/bin/docker-entrypoint.sh
RUN install --directory --owner=1000 --group=0 --mode=0775 /usr/share/elasticsearch/data /usr/share/elasticsearch/logs
ENV ES_JAVA_HOME=/opt/jdk
USER 1000:0
WORKDIR /usr/share/elasticsearch
EXPOSE 9200
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=6 CMD ["curl", "--silent", "--insecure", "--output", "/dev/null", "https://localhost:9200"]
ENTRYPOINT ["/usr/local/bin/docker-entrypoint.sh"]
