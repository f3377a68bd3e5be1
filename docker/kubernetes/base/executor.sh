# Starts an executor from the variables that Spark gives its pod.
set -eu
options=$(mktemp)
# Java reads a line as an option each; the numbers at the end of the names are their order.
env | grep '^SPARK_JAVA_OPT_' | sort -t_ -k4 -n | sed 's/^[^=]*=//; s/["\\]/\\&/g; s/.*/"&"/' > "$options" || true
jars=$(python -c 'import pyspark; print(pyspark.__path__[0])')/jars
# Else the connector would log documents that Elasticsearch refuses.
logging=$(python -c 'from crmsearch.resources import jobs_root; print(jobs_root())')/spark/log4j2.properties
exec java "@$options" "-Dlog4j2.configurationFile=$logging" "-Xms$SPARK_EXECUTOR_MEMORY" "-Xmx$SPARK_EXECUTOR_MEMORY" -cp "$jars/*" \
    org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend \
    --driver-url "$SPARK_DRIVER_URL" --executor-id "$SPARK_EXECUTOR_ID" --cores "$SPARK_EXECUTOR_CORES" \
    --app-id "$SPARK_APPLICATION_ID" --hostname "$SPARK_EXECUTOR_POD_IP" \
    --resourceProfileId "$SPARK_RESOURCE_PROFILE_ID" --podName "$SPARK_EXECUTOR_POD_NAME"
