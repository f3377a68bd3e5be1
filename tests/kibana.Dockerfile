# A stand-in for Kibana's image, as far as compose.yaml goes: user 1000:0, port 5601, kibana-docker with --config=FILE, curl for its check.
# It shows nothing; it takes what `crmsearch kibana setup` brings.
ARG API_IMAGE
FROM ${API_IMAGE}
USER root
RUN apt-get update && apt-get install --yes --no-install-recommends curl && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner=1000 --group=0 --mode=0775 /usr/share/kibana/data \
    && printf '#!/bin/sh\ncd /usr/share/kibana && exec python -m tests.kibana_container "$@"\n' > /usr/local/bin/kibana-docker \
    && chmod 0755 /usr/local/bin/kibana-docker
COPY kibana_server.py kibana_container.py /usr/share/kibana/tests/
USER 1000:0
ENTRYPOINT []
