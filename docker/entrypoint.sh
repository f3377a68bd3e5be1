#!/bin/sh
# Runs crmsearch. A secret may come in a file that VARIABLE_FILE names, as in other images, so that it stands in no description of a container.
set -eu
for name in CRMSEARCH_ELASTICSEARCH_PASSWORD CRMSEARCH_API_CURSOR_KEY CRMSEARCH_API_KEY CRMSEARCH_PRIVACY_KEY; do
    eval "file=\${${name}_FILE:-}"
    if [ -n "$file" ]; then
        value=$(cat "$file")
        export "$name=$value"
        unset "${name}_FILE"
    fi
done
exec crmsearch "$@"
