"""Every error crmsearch raises on purpose.

    CrmSearchError                      500  exit 1
    ├── InvalidRequestError             400  exit 2   the caller asked for something impossible
    │   ├── UnknownFieldError           400           a field that is not in the catalogue, or not usable that way
    │   ├── FilterSyntaxError           400           a filter outside the closed grammar
    │   ├── UnknownSegmentError         400           a filter by a segment that there is not
    │   ├── SegmentNestingError         400           a segment that refers to itself, or nests too deep
    │   ├── CursorError                 400           a cursor that is malformed, or of another search
    │   └── ResultWindowError           400           a page beyond what one request may reach
    ├── UnauthorizedError               401           no key, or a wrong one
    ├── ForbiddenError                  403           the role of the key does not allow it
    ├── SmallGroupError                 403           figures of so few customers that they are personal data
    ├── NotFoundError                   404           no such customer, index, run or segment
    ├── ConflictError                   409  exit 2   what is asked for contradicts what is there now
    │   ├── LoadRunningError            409           another load holds the writers' lock
    │   ├── LockLostError               409           another load has taken this one's lock over
    │   ├── RestrictedError             409           the processing of the person is restricted
    │   └── SuppressedError             409           the person was erased, and is not to be written again
    ├── PreconditionFailedError         412  exit 2   the version named in If-Match or If-None-Match is not the current one
    ├── PreconditionRequiredError       428  exit 2   a change of something that is there must say which version it changes
    ├── TooManyRequestsError            429           faster than the role of the key allows, or too many wrong keys
    ├── IndexNotReadyError              503           no customer index has been promoted yet
    ├── IssuerUnavailableError          503           the keys of the single sign-on cannot be had
    ├── AuditFullError                  503           no answer with customers, since it could not be recorded
    ├── AuditBrokenError                500  exit 8   the audit trail is not as it was written
    ├── BackendError                    502  exit 4   Elasticsearch refused or failed
    │   ├── BackendUnavailableError     503           Elasticsearch cannot be reached
    │   ├── BackendTimeoutError         504           Elasticsearch did not answer in time
    │   ├── BackendTlsError             502           its certificate is not to be trusted, or it speaks no TLS
    │   ├── BackendAuthError            502           Elasticsearch refuses the credentials
    │   └── BackendReadOnlyError        503           Elasticsearch has blocked writes (its disk is nearly full)
    ├── ConfigError                     500  exit 2   a setting, an option or the machine is not as needed
    │   ├── JavaNotFoundError                         no suitable Java
    │   ├── KeyMissingError             503           customers are sealed with a key that is not there
    │   └── PortInUseError                            the wanted port is taken
    ├── InputError                      400  exit 5   a source file cannot be used at all
    ├── JobError                        500  exit 6   the Spark job failed
    │   ├── CountMismatchError          500           rows or documents do not add up
    │   ├── ContentMismatchError        500           an index does not hold or does not find what was written
    │   └── TooManyRejectedError        500           more rows were rejected than the run allows
    ├── ContractMismatchError           500  exit 3   an index of another contract version
    ├── NodeError                       500  exit 7   the local node cannot be installed, started or stopped
    └── KibanaError                     502  exit 9   Kibana cannot be reached, refuses, or is none

``code`` is what programs match on, ``status`` the HTTP answer, ``exit_code`` the command line's. A subclass inherits what it does not
say itself. Texts never hold personal data: a bad *row* is data (a ``Rejection``), not an exception.
"""

from typing import ClassVar

from crmsearch.contract import RunReport

__all__ = [
    "AuditBrokenError",
    "AuditFullError",
    "BackendAuthError",
    "BackendError",
    "BackendReadOnlyError",
    "BackendTimeoutError",
    "BackendTlsError",
    "BackendUnavailableError",
    "ConfigError",
    "ConflictError",
    "ContentMismatchError",
    "ContractMismatchError",
    "CountMismatchError",
    "CrmSearchError",
    "CursorError",
    "FilterSyntaxError",
    "ForbiddenError",
    "IndexNotReadyError",
    "InputError",
    "InvalidRequestError",
    "IssuerUnavailableError",
    "JavaNotFoundError",
    "JobError",
    "KeyMissingError",
    "KibanaError",
    "LoadRunningError",
    "LockLostError",
    "NodeError",
    "NotFoundError",
    "PortInUseError",
    "PreconditionFailedError",
    "PreconditionRequiredError",
    "RestrictedError",
    "ResultWindowError",
    "SegmentNestingError",
    "SmallGroupError",
    "SuppressedError",
    "TooManyRejectedError",
    "TooManyRequestsError",
    "UnauthorizedError",
    "UnknownFieldError",
    "UnknownSegmentError",
]


class CrmSearchError(Exception):
    """Base of all; its first argument is the sentence a user reads, which says what to do."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "Internal error"

    @property
    def detail(self) -> str:
        return str(self.args[0]) if self.args else self.title


class InvalidRequestError(CrmSearchError):
    code, status, exit_code, title = "invalid_request", 400, 2, "Invalid request"


class UnknownFieldError(InvalidRequestError):
    code, title = "unknown_field", "Unknown field"


class FilterSyntaxError(InvalidRequestError):
    code, title = "filter_syntax", "Malformed filter"


class UnknownSegmentError(InvalidRequestError):
    code, title = "unknown_segment", "Unknown segment"


class SegmentNestingError(InvalidRequestError):
    code, title = "segment_nesting", "Segments cannot be nested so"


class CursorError(InvalidRequestError):
    code, title = "invalid_cursor", "Invalid cursor"


class ResultWindowError(InvalidRequestError):
    code, title = "result_window", "Page out of reach"


class UnauthorizedError(CrmSearchError):
    code, status, title = "unauthorized", 401, "Unauthorized"


class ForbiddenError(CrmSearchError):
    code, status, title = "forbidden", 403, "Forbidden"


class SmallGroupError(CrmSearchError):
    code, status, title = "small_group", 403, "Too few customers"


class NotFoundError(CrmSearchError):
    code, status, title = "not_found", 404, "Not found"


class ConflictError(CrmSearchError):
    code, status, exit_code, title = "conflict", 409, 2, "Conflict"


class LoadRunningError(ConflictError):
    code, title = "load_running", "Another load is running"


class LockLostError(ConflictError):
    code, title = "lock_lost", "The writers' lock was lost"


class RestrictedError(ConflictError):
    code, title = "restricted", "The processing of the person is restricted"


class SuppressedError(ConflictError):
    code, title = "suppressed", "The person was erased"


class PreconditionFailedError(CrmSearchError):
    code, status, exit_code, title = "precondition_failed", 412, 2, "Precondition failed"


class PreconditionRequiredError(CrmSearchError):
    code, status, exit_code, title = "precondition_required", 428, 2, "Precondition required"


class TooManyRequestsError(CrmSearchError):
    code, status, title = "too_many_requests", 429, "Too many requests"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class IndexNotReadyError(CrmSearchError):
    code, status, title = "index_not_ready", 503, "No customer index yet"


class IssuerUnavailableError(CrmSearchError):
    code, status, title = "issuer_unavailable", 503, "The issuer of tokens cannot be reached"


class AuditFullError(CrmSearchError):
    code, status, title = "audit_full", 503, "The audit trail takes no more"


class AuditBrokenError(CrmSearchError):
    code, exit_code, title = "audit_broken", 8, "The audit trail was changed"


class BackendError(CrmSearchError):
    code, status, exit_code, title = "backend_error", 502, 4, "Elasticsearch failed"


class BackendUnavailableError(BackendError):
    code, status, title = "backend_unavailable", 503, "Elasticsearch cannot be reached"


class BackendTimeoutError(BackendError):
    code, status, title = "backend_timeout", 504, "Elasticsearch did not answer in time"


class BackendTlsError(BackendError):
    code, title = "backend_tls", "Elasticsearch cannot be trusted"


class BackendAuthError(BackendError):
    code, title = "backend_auth", "Elasticsearch refuses the credentials"


class BackendReadOnlyError(BackendError):
    code, status, title = "backend_read_only", 503, "Elasticsearch has blocked writes"


class ConfigError(CrmSearchError):
    code, exit_code, title = "config_error", 2, "Configuration error"


class JavaNotFoundError(ConfigError):
    code, title = "java_not_found", "No suitable Java"


class KeyMissingError(ConfigError):
    code, status, title = "key_missing", 503, "Encryption key missing"


class PortInUseError(ConfigError):
    code, title = "port_in_use", "Port in use"


class InputError(CrmSearchError):
    code, status, exit_code, title = "input_error", 400, 5, "Unusable input"


class JobError(CrmSearchError):
    code, exit_code, title = "job_failed", 6, "The Spark job failed"


class CountMismatchError(JobError):
    code, title = "count_mismatch", "The counts do not add up"


class ContentMismatchError(JobError):
    code, title = "content_mismatch", "The index does not hold what was written"


class TooManyRejectedError(JobError):
    """``report`` is of the run as far as it came, where it is known."""

    code, title = "too_many_rejected", "Too many rows rejected"

    def __init__(self, detail: str, report: RunReport | None = None) -> None:
        super().__init__(detail)
        self.report = report


class ContractMismatchError(CrmSearchError):
    code, exit_code, title = "contract_mismatch", 3, "Another contract version"


class NodeError(CrmSearchError):
    code, exit_code, title = "node_error", 7, "The local node failed"


class KibanaError(CrmSearchError):
    code, status, exit_code, title = "kibana_error", 502, 9, "Kibana failed"
