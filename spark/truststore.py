"""What the connector trusts: the certificates that were verified here, and nothing else.

Of its own accord it would take any certificate of any authority in a truststore, whatever host that is of: it checks no names. So its
truststore holds no authority, but those very certificates of the servers that Python has verified, names included, just before the write.
"""

import secrets
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore
from pyspark.sql import SparkSession

from crmsearch.settings import ElasticsearchSettings
from crmsearch.trust import verified_certificates

__all__ = ["build_truststore", "trust_options"]


def trust_options(spark: SparkSession, settings: ElasticsearchSettings) -> dict[str, str]:
    """Options of the connector for servers that speak TLS; none for plain http.

    The truststore is given to the executors inside a jar, since the connector looks for it on the class path, and Spark brings jars to
    wherever the executors are. It lies in a folder that is ours alone and goes when Spark does; executors may ask for it until then.

    Raises:
        BackendTlsError, BackendUnavailableError, ConfigError: as ``verified_certificates``.
    """
    certificates = verified_certificates(settings)
    if not certificates:
        return {}
    name, password = f"crmsearch-{secrets.token_hex(8)}.p12", secrets.token_urlsafe(16)
    folder = Path(tempfile.mkdtemp(prefix="trust-", dir=spark.sparkContext._temp_dir))
    jar = folder / f"{name}.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr(name, build_truststore(certificates, password))
    spark.sql(f"ADD JAR '{jar}'")
    return {
        "es.net.ssl.truststore.location": name,
        "es.net.ssl.truststore.pass": password,
        "es.net.ssl.keystore.type": "PKCS12",  # of the truststore too
    }


def build_truststore(certificates: Sequence[bytes], password: str) -> bytes:
    """A Java truststore of these certificates (DER); they are no secret, the password seals them."""
    entries = [PKCS12Certificate(x509.load_der_x509_certificate(each), str(number).encode()) for number, each in enumerate(certificates)]
    return serialize_java_truststore(entries, BestAvailableEncryption(password.encode()))
