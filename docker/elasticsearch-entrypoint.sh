#!/bin/bash
# Starts the server of the stand-in as Elastic's own image does: the password into the keystore, variables with dots as settings.
set -eu
cd /usr/share/elasticsearch
if [[ -n "${ELASTIC_PASSWORD_FILE:-}" && ! -f config/elasticsearch.keystore ]]; then
    keystore() {
        "$ES_JAVA_HOME/bin/java" -Xmx64m -Dcli.name=keystore -Dcli.libs=lib/tools/keystore-cli -Des.path.home="$PWD" \
            -Des.path.conf="$PWD/config" -Des.distribution.type=docker -cp 'lib/*:lib/cli-launcher/*' \
            org.elasticsearch.launcher.CliToolLauncher "$@"
    }
    keystore create
    keystore add --stdin bootstrap.password < "$ELASTIC_PASSWORD_FILE"
fi
settings=()
while IFS='=' read -r -d '' name value; do
    if [[ "$name" =~ ^[a-z0-9_]+(\.[a-z0-9_]+)+$ ]]; then
        settings+=("-E$name=$value")
    fi
done < <(env -0)
exec bin/elasticsearch "${settings[@]}"
