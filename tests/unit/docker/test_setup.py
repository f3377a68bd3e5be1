"""The set-up of the compose stack as far as it needs no Elasticsearch."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from cryptography import x509
from elastic_transport import ApiResponseMeta, BaseNode, HttpHeaders
from elastic_transport._node import NodeApiResponse
from elasticsearch import Elasticsearch

from crmsearch.node.certificates import make_certificates

SETUP = Path(__file__).parents[3] / "docker" / "setup.py"


@pytest.fixture(scope="module")
def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("crmsearch_docker_setup", SETUP)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("trust", "elastic", "elasticsearch", "kibana", "api", "job", "spark", "admin"):
        (tmp_path / name).mkdir()
    return tmp_path


def _contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_second_time_nothing_changes(setup: ModuleType, root: Path) -> None:
    assert setup.make_files(root)
    before = _contents(root)
    assert setup.make_files(root) == []
    assert _contents(root) == before


def test_only_the_owner_reads_and_nothing_half_written_stays(setup: ModuleType, root: Path) -> None:
    setup.make_files(root)
    assert {path.stat().st_mode & 0o777 for path in root.rglob("*") if path.is_file()} == {0o600}
    assert not [name for name in _contents(root) if name.endswith(".new")]


def test_what_is_missing_is_made_and_the_rest_left(setup: ModuleType, root: Path) -> None:
    setup.make_files(root)
    before = _contents(root)
    (root / "spark" / "spark-defaults.conf").unlink()
    assert setup.make_files(root) == ["spark/spark-defaults.conf"]
    after = _contents(root)
    assert {name for name in after if after[name] != before[name]} == {"spark/spark-defaults.conf"}


def test_certificates_are_of_their_host_and_signed_by_what_is_trusted(setup: ModuleType, root: Path) -> None:
    setup.make_files(root)
    for host in ("elasticsearch", "kibana"):
        certificate = x509.load_pem_x509_certificate((root / host / "http.crt").read_bytes())
        authority = x509.load_pem_x509_certificate((root / "trust" / f"{host}.crt").read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [host, "localhost"]
        certificate.verify_directly_issued_by(authority)


def test_a_certificate_that_ends_soon_is_made_anew(setup: ModuleType, root: Path) -> None:
    setup.make_files(root)
    old = make_certificates(("kibana",), now=datetime.now(UTC), lifetime=timedelta(days=10))
    (root / "kibana" / "http.crt").write_text(old.certificate, encoding="ascii")
    assert setup.make_files(root) == ["kibana"]


@pytest.mark.parametrize(
    ("status", "body", "ready"), [(200, b'{"timed_out":false}', True), (408, b'{"timed_out":true}', False), (401, b"{}", False)]
)
def test_keys_wait_until_elasticsearch_has_its_own_data_at_hand(setup: ModuleType, status: int, body: bytes, ready: bool) -> None:
    class Node(BaseNode):
        def perform_request(self, *_: object, **__: object) -> NodeApiResponse:
            headers = HttpHeaders({"content-type": "application/json", "x-elastic-product": "Elasticsearch"})
            return NodeApiResponse(ApiResponseMeta(status, "1.1", headers, 0.0, self.config), body)

        def close(self) -> None:
            """Nothing is open."""

    with Elasticsearch("http://127.0.0.1:1", node_class=Node) as client:
        assert setup._is_ready(client) is ready


def test_the_parts_agree(setup: ModuleType, root: Path) -> None:
    setup.make_files(root)
    kibana = yaml.safe_load((root / "kibana" / "kibana.yml").read_text(encoding="ascii"))
    assert kibana["elasticsearch.password"] == (root / "kibana" / "password").read_text(encoding="ascii").strip()
    assert kibana["elasticsearch.username"] == "kibana_system"
    # Different keys would make different marks of the same person, and a load would bring back whom the API has erased.
    assert (root / "api" / "privacy.key").read_bytes() == (root / "job" / "privacy.key").read_bytes()
    secrets = [value for key, value in kibana.items() if key.endswith(("encryptionKey", "password"))]
    secrets += [(root / name).read_text(encoding="ascii").strip() for name in ("elastic/password", "api/cursor.key", "api/privacy.key")]
    assert len(set(secrets)) == len(secrets) == 7
    assert min(map(len, secrets)) >= 32
