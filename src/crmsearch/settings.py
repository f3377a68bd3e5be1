"""Settings: frozen Structs, filled from ``CRMSEARCH_*`` variables by ``from_env``, the only reader of ``os.environ``.

A field's variable is ``CRMSEARCH_`` + section + ``_`` + field in capitals (``CRMSEARCH_ELASTICSEARCH_URL``); the section ``paths`` adds
no word of its own (``CRMSEARCH_STATE_DIR``). Unknown ``CRMSEARCH_*`` variables are refused, since a typo would otherwise be ignored.

Keys of object stores are not settings: they come from the variables that each cloud's own tools read (``storage_credentials``).
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from crmsearch.addresses import LOOPBACK, Address, parse_addresses
from crmsearch.errors import ConfigError

__all__ = [
    "CLOUDS",
    "CREDENTIAL_VARIABLES",
    "LOOPBACK",
    "Cloud",
    "ElasticsearchSettings",
    "EncryptionSettings",
    "KibanaSettings",
    "LogSettings",
    "OidcSettings",
    "PrivacySettings",
    "Secret",
    "Setting",
    "Settings",
    "SparkSettings",
    "StorageCredentials",
    "StorageSettings",
    "changed_settings",
    "child_environment",
    "from_env",
    "setting_rows",
    "storage_credentials",
]

PREFIX = "CRMSEARCH_"

Cloud = Literal["aws", "aliyun", "tencent", "huawei"]
CLOUDS: tuple[Cloud, ...] = ("aws", "aliyun", "tencent", "huawei")
CREDENTIAL_VARIABLES: dict[Cloud, tuple[str, str, str]] = {
    "aws": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    "aliyun": ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"),
    "tencent": ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_SESSION_TOKEN"),
    "huawei": ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN"),
}
"""Variables of the access key, its secret and, for temporary keys, the token, as each cloud's own tools name them."""


class Secret(str):
    """A string that shows itself as ``***`` in ``repr``, so that it does not reach a log or a traceback by accident."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'" if self else "''"


class ElasticsearchSettings(msgspec.Struct, frozen=True, kw_only=True):
    url: Annotated[
        str,
        Meta(
            description="Elasticsearch to use, e.g. `https://es.example.com:9200`; several nodes separated by commas; plain http only to "
            "this machine; empty means the local node"
        ),
    ] = ""
    username: Annotated[str, Meta(description="User name, with `CRMSEARCH_ELASTICSEARCH_PASSWORD`; better is an API key")] = ""
    password: Annotated[Secret, Meta(description="Password of that user")] = Secret()
    api_key: Annotated[Secret, Meta(description="Encoded API key, in place of user name and password")] = Secret()
    api_key_file: Annotated[str, Meta(description="File that holds the encoded API key, as `crmsearch keys bootstrap` writes it")] = ""
    ca_file: Annotated[
        str, Meta(description="PEM file of the authority that signed the server's certificate; then no other authority is trusted")
    ] = ""
    fingerprint: Annotated[
        str,
        Meta(
            pattern="^([0-9a-fA-F]{2}(:?[0-9a-fA-F]{2}){31})?$",
            description="SHA-256 of the server's certificate, or of an authority's that the server sends along, in hex; "
            "in place of a PEM file",
        ),
    ] = ""
    timeout_s: Annotated[float, Meta(gt=0, description="Longest wait for one answer, in seconds")] = 10.0
    index_prefix: Annotated[
        str, Meta(pattern="^[a-z][a-z0-9_]*$", description="First part of every index name, e.g. `crm` in `crm-customers`")
    ] = "crm"
    snapshots: Annotated[
        str,
        Meta(description="Where backups go: a folder of Elasticsearch's `path.repo`, or `s3://bucket/path`; the local node has one"),
    ] = ""
    shards: Annotated[int, Meta(ge=1, description="Primary shards of a new generation; one keeps facet counts exact up to a few GB")] = 1
    lock_lease_s: Annotated[
        float, Meta(gt=0, description="A load that has not renewed its lock for so long, in seconds, is taken for dead and cleared away")
    ] = 30.0
    replicas: Annotated[
        int, Meta(ge=0, description="Copies of each shard beside the first, made before an index goes live; 1 on a cluster")
    ] = 0

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The nodes of the URL, at least one.

        Raises:
            ConfigError: no URL is set, or it is none that may be used.
        """
        if found := parse_addresses(self.url):
            return found
        raise ConfigError("no Elasticsearch is set; start the local node with `crmsearch node start`, or set CRMSEARCH_ELASTICSEARCH_URL")


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    host: Annotated[str, Meta(description="Address the API binds to; any other than loopback needs a key, or single sign-on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="Port of the API and console")] = 8000
    workers: Annotated[int, Meta(ge=1, description="API processes")] = 1
    key: Annotated[Secret, Meta(description="One more key of the API, which may do everything")] = Secret()
    allowed_hosts: Annotated[
        str, Meta(description="Host names the API answers to, separated by commas (against DNS rebinding); loopback names always work")
    ] = ""
    cursor_key: Annotated[
        Secret,
        Meta(
            description="Signs cursors and seals sessions, 16 characters or more; on all machines the same. If empty, one is made and kept"
        ),
    ] = Secret()
    cursor_ttl_s: Annotated[int, Meta(gt=0, description="How long the cursor of a page leads to the next, in seconds")] = 24 * 3600
    session_ttl_s: Annotated[int, Meta(gt=0, description="How long one stays signed in to the console, in seconds")] = 8 * 3600
    traces_endpoint: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^/@?#\s]+/?)?$",
            description="OpenTelemetry collector that traces of requests go to, e.g. `http://127.0.0.1:4318`; needs `crmsearch[traces]`; "
            "empty means none",
        ),
    ] = ""
    small_group: Annotated[
        int, Meta(ge=1, description="Customers below which a group is shown only to those who may see personal data; 1 shows all")
    ] = 5


class SparkSettings(msgspec.Struct, frozen=True, kw_only=True):
    master: Annotated[str, Meta(description="Spark master: `local[*]`, `spark://…`, `yarn`, `k8s://…`")] = "local[*]"
    driver_memory: Annotated[
        str,
        Meta(
            pattern="^([0-9]+[mg])?$",
            description="Heap of the driver, the whole job's in local mode; empty means a quarter of the memory, from `2g` to `8g`",
        ),
    ] = ""
    shuffle_partitions: Annotated[int, Meta(ge=1, description="Partitions after a shuffle")] = 8
    write_tasks: Annotated[int, Meta(ge=1, description="Tasks that write at once; two keep one Elasticsearch node of two cores busy")] = 2
    write_retries: Annotated[
        int, Meta(ge=0, description="Times a batch, and at last the whole, is written again while Elasticsearch is overloaded or away")
    ] = 6
    write_timeout_s: Annotated[float, Meta(gt=0, description="Longest wait for the answer to one batch, in seconds")] = 60.0
    java_home: Annotated[str, Meta(description="Java 17 or 21 for Spark; found by itself when empty")] = ""
    connector_jar: Annotated[str, Meta(description="elasticsearch-spark jar to use instead of the one fetched")] = ""
    executor_python: Annotated[str, Meta(description="Python of a cluster's executors, where it lies elsewhere than the driver's")] = ""
    staging_dir: Annotated[
        str,
        Meta(
            description="Folder all executors reach (`hdfs://…`, `s3a://…`, a mount) for tables out of workbooks and archives; "
            "empty means a private temporary folder, or the cluster's own file system"
        ),
    ] = ""
    timeout_s: Annotated[float, Meta(gt=0, description="Longest run of a job, in seconds")] = 6 * 3600.0

    @property
    def driver_heap(self) -> str:
        """The heap that is set, or what suits this machine: 300,000 records fit into 2 GiB, a million do not."""
        gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (4 * 2**30)
        return self.driver_memory or f"{min(max(2, gib), 8)}g"


class StorageSettings(msgspec.Struct, frozen=True, kw_only=True):
    cloud: Annotated[Cloud, Meta(description="Whose object store `s3a://` means: aws, aliyun, tencent or huawei")] = "aws"
    region: Annotated[
        str, Meta(pattern="^[a-z0-9-]*$", description="Region of the buckets, e.g. `eu-central-1`, `cn-hangzhou`, `ap-guangzhou`")
    ] = ""
    endpoint: Annotated[
        str,
        Meta(
            pattern="^(https?://[^/@?#]+/?)?$",
            description="Address of the object store instead of the one that cloud and region give, e.g. `http://minio:9000`",
        ),
    ] = ""
    path_style: Annotated[bool, Meta(description="Put the bucket into the path, not the host name; MinIO and the like want it")] = False
    jars: Annotated[str, Meta(description="Jars of the file systems to use instead of those fetched for `s3a://`, separated by commas")] = (
        ""
    )


class StorageCredentials(msgspec.Struct, frozen=True):
    """A key of an object store; ``token`` belongs to temporary keys only."""

    access_key: Secret
    secret_key: Secret
    token: Secret = Secret()


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    port: Annotated[int, Meta(ge=1, le=65535, description="Wanted HTTP port of the local node; another is chosen if taken")] = 9200
    heap: Annotated[str, Meta(pattern="^[0-9]+[mg]$", description="Heap of the local node")] = "1g"
    user: Annotated[str, Meta(pattern="^[a-z_][a-z0-9_-]*$", description="User the node runs as when started by root; made if missing")] = (
        "crmsearch"
    )
    tls: Annotated[bool, Meta(description="Have the local node speak TLS, with a certificate of an authority made for it")] = False
    java_home: Annotated[str, Meta(description="JDK 21 or newer for the node; found by itself when empty")] = ""
    java_options: Annotated[str, Meta(description="More options of the local node's JVM, with spaces between them")] = ""
    start_timeout_s: Annotated[float, Meta(gt=0, description="Longest wait for the node to answer, in seconds")] = 120.0


class PathSettings(msgspec.Struct, frozen=True, kw_only=True):
    state_dir: Annotated[
        str, Meta(description="Node data, logs, password, quarantine; `/var/lib/crmsearch` for root, else `~/.local/state/crmsearch`")
    ] = ""
    cache_dir: Annotated[
        str, Meta(description="Fetched server and connector; `/var/cache/crmsearch` for root, else `~/.cache/crmsearch`")
    ] = ""

    @property
    def state(self) -> Path:
        return Path(self.state_dir)

    @property
    def cache(self) -> Path:
        return Path(self.cache_dir)


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True):
    issuer: Annotated[str, Meta(description="Issuer of the company's single sign-on (OpenID Connect) whose tokens the API takes")] = ""
    audience: Annotated[str, Meta(description="What the issuer calls this service in its tokens; needed with the issuer")] = ""
    jwks_url: Annotated[str, Meta(description="Address of its public keys, where the issuer does not tell it itself")] = ""
    role_claim: Annotated[
        str,
        Meta(description="Where in a token the roles stand: agent, app, analyst, admin, also with `crmsearch-` before; `a.b` is b in a"),
    ] = "roles"
    rows_claim: Annotated[
        str,
        Meta(description="Where in a token filters stand that leave its bearer some customers only, such as `country:CN`; none when empty"),
    ] = ""


class PrivacySettings(msgspec.Struct, frozen=True, kw_only=True):
    key: Annotated[
        Secret,
        Meta(
            description="What the marks of erased people and the references of analysts are made with, 16 characters or more; never "
            "changed, and on all machines the same. When empty, one is made and kept"
        ),
    ] = Secret()
    retention: Annotated[
        str,
        Meta(
            description="Whom `crmsearch purge` removes: filters with spaces between them, semicolons between rules, e.g. "
            "`lifecycle:churned last_activity_at:..now-3y; lifecycle:lead created_at:..now-1y`"
        ),
    ] = ""
    quarantine_days: Annotated[
        int, Meta(ge=0, description="Days after which `crmsearch purge` removes rows in quarantine; 0 keeps them")
    ] = 0


class EncryptionSettings(msgspec.Struct, frozen=True, kw_only=True):
    keys: Annotated[
        Secret,
        Meta(
            description="Master keys that e-mail addresses, phones and national ids are encrypted with before Elasticsearch gets them: "
            "base64 of 32 bytes each, with commas between them, the first one seals; on all machines the same. When neither this nor a "
            "file or command is set, one is made and kept"
        ),
    ] = Secret()
    key_file: Annotated[str, Meta(description="File that holds them, one a line")] = ""
    key_command: Annotated[str, Meta(description="Command that prints them, one a line, such as that of a key management service")] = ""


class KibanaSettings(msgspec.Struct, frozen=True, kw_only=True):
    username: Annotated[str, Meta(description="Who sets Kibana up, with `CRMSEARCH_KIBANA_PASSWORD`; or `--login-file`")] = ""
    password: Annotated[Secret, Meta(description="Password of that user")] = Secret()
    api_key: Annotated[Secret, Meta(description="Encoded API key, in place of user name and password")] = Secret()


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    format: Annotated[
        Literal["text", "json"], Meta(description="How the service and loads write their log: text for people, json with one object a line")
    ] = "text"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    elasticsearch: ElasticsearchSettings = ElasticsearchSettings()
    api: ApiSettings = ApiSettings()
    spark: SparkSettings = SparkSettings()
    storage: StorageSettings = StorageSettings()
    privacy: PrivacySettings = PrivacySettings()
    encryption: EncryptionSettings = EncryptionSettings()
    oidc: OidcSettings = OidcSettings()
    kibana: KibanaSettings = KibanaSettings()
    node: NodeSettings = NodeSettings()
    log: LogSettings = LogSettings()
    paths: PathSettings = PathSettings()


class Setting(msgspec.Struct, frozen=True):
    """One row of the settings table: where it lies, its variable, its default, what it is for."""

    section: str
    field: str
    variable: str
    default: Any
    description: str


def setting_rows() -> Iterator[Setting]:
    """Every setting, in the order of the Structs."""
    for section, section_type in get_type_hints(Settings).items():
        hints = get_type_hints(section_type, include_extras=True)
        for field in msgspec.structs.fields(section_type):
            meta = next(extra for extra in hints[field.name].__metadata__ if isinstance(extra, Meta) and extra.description)
            variable = PREFIX + (field.name if section == "paths" else f"{section}_{field.name}").upper()
            yield Setting(section, field.name, variable, field.default, str(meta.description))


def from_env(environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check all settings.

    Raises:
        ConfigError: an unknown variable, or a value that does not fit; the text names the variable, never the value.
    """
    environ = os.environ if environ is None else environ
    rows = {row.variable: row for row in setting_rows()}
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in rows)
    if unknown:
        raise ConfigError(f"unknown setting {', '.join(unknown)}; README.md lists the settings, `crmsearch doctor` shows those in use")
    raw: dict[str, dict[str, str]] = {section: {} for section in get_type_hints(Settings)}
    for variable, row in rows.items():
        if environ.get(variable):
            raw[row.section][row.field] = environ[variable]
    for field, path in _default_paths(environ).items():
        raw["paths"].setdefault(field, str(path))
    sections: dict[str, Any] = {}
    for section, section_type in get_type_hints(Settings).items():
        try:
            sections[section] = msgspec.convert(raw[section], section_type, strict=False, dec_hook=_decode_secret)
        except msgspec.ValidationError as error:
            reason, _, place = str(error).partition(" - at ")
            field = place.strip("`").removeprefix("$.")
            variable = next(row.variable for row in rows.values() if (row.section, row.field) == (section, field))
            raise ConfigError(f"{variable}: {reason}") from error
    return Settings(**sections | {"elasticsearch": _with_login(sections["elasticsearch"])})


def changed_settings(settings: Settings) -> dict[str, Any]:
    """By variable, the settings that are other than they would be on this machine if no variable were set."""
    untouched = from_env({name: value for name, value in os.environ.items() if not name.startswith(PREFIX)})
    both = {row.variable: tuple(getattr(getattr(each, row.section), row.field) for each in (settings, untouched)) for row in setting_rows()}
    return {variable: value for variable, (value, default) in both.items() if value != default}


def child_environment(settings: Settings) -> dict[str, str]:
    """The variables that give another process these settings. Secrets travel this way, never on a command line."""
    values: dict[str, str] = {}
    for row in setting_rows():
        value = getattr(getattr(settings, row.section), row.field)
        if value != row.default:
            values[row.variable] = str(value)
    return values


def storage_credentials(cloud: Cloud, environ: Mapping[str, str] | None = None) -> StorageCredentials | None:
    """The key of a cloud's object store from the variables that its own tools read, or ``None`` when they are not set.

    Raises:
        ConfigError: a key without its secret, or the other way round; the text names the variables, never the values.
    """
    environ = os.environ if environ is None else environ
    names = CREDENTIAL_VARIABLES[cloud]
    access_key, secret_key, token = (environ.get(name, "") for name in names)
    if not access_key and not secret_key:
        return None
    if not (access_key and secret_key):
        raise ConfigError(f"{names[0]} and {names[1]} belong together; only one of them is set")
    return StorageCredentials(Secret(access_key), Secret(secret_key), Secret(token))


def _with_login(settings: ElasticsearchSettings) -> ElasticsearchSettings:
    """The settings with one login, that of a file read, and one thing to trust at most."""
    parse_addresses(settings.url)
    logins = {
        "CRMSEARCH_ELASTICSEARCH_USERNAME": settings.username,
        "CRMSEARCH_ELASTICSEARCH_API_KEY": settings.api_key,
        "CRMSEARCH_ELASTICSEARCH_API_KEY_FILE": settings.api_key_file,
    }
    if len(given := [variable for variable, value in logins.items() if value]) > 1:
        raise ConfigError(f"{' and '.join(given)} are set; one login is needed, so unset the other")
    if settings.ca_file and settings.fingerprint:
        raise ConfigError("CRMSEARCH_ELASTICSEARCH_CA_FILE and _FINGERPRINT are set; one says whom to trust, so unset the other")
    if not settings.api_key_file:
        return settings
    try:
        key = Path(settings.api_key_file).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"CRMSEARCH_ELASTICSEARCH_API_KEY_FILE cannot be read ({type(error).__name__}); `crmsearch keys bootstrap` makes such files"
        ) from error
    if not key or len(key.split()) > 1:
        raise ConfigError("CRMSEARCH_ELASTICSEARCH_API_KEY_FILE holds no key; `crmsearch keys bootstrap` makes such files")
    return msgspec.structs.replace(settings, api_key=Secret(key), api_key_file="")


def _decode_secret(type_: type, value: Any) -> Any:
    if type_ is Secret:
        return Secret(value)
    raise NotImplementedError(f"no decoder for {type_}")


def _default_paths(environ: Mapping[str, str]) -> dict[str, Path]:
    # A node started by root runs as another user, who cannot enter root's home.
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return {"state_dir": Path("/var/lib/crmsearch"), "cache_dir": Path("/var/cache/crmsearch")}
    home = Path(environ.get("HOME") or Path.home())
    return {
        "state_dir": Path(environ.get("XDG_STATE_HOME") or home / ".local/state") / "crmsearch",
        "cache_dir": Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "crmsearch",
    }
