"""A patient connection to a server, and its errors as one line."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from opensearchpy import ConnectionError as NoAnswer
from opensearchpy import (
    NotFoundError,
    OpenSearch,
    OpenSearchException,
    RequestsHttpConnection,
    SSLError,
    TransportError,
)
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from kosplade.errors import UserError

TIMEOUT = 60  # seconds for one answer: a bulk request on a busy cluster takes its time
RETRIES = 5  # of what a server is too busy for: after 0, 2, 4, 8 and 16 times BACKOFF, or when it says
BACKOFF = 1.0  # seconds
_BUSY = (429, 502, 503, 504)


class PatientConnection(RequestsHttpConnection):
    """Waits longer from retry to retry, which the transport of opensearch-py does not.

    Every request of ours may be repeated: documents are indexed under their own ids.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.session.trust_env = False  # as opensearch-py's own connection: no proxy between us and localhost
        retry = Retry(
            total=None,
            connect=2,  # few: a wrong URL should be said soon
            read=2,
            status=RETRIES,
            backoff_factor=BACKOFF,
            status_forcelist=_BUSY,
            allowed_methods=None,
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(max_retries=retry))


def connect(url: str) -> OpenSearch:
    """A client of the server at `url`, `http[s]://[user:password@]host[:port]`; UserError for another form."""
    for name in ("opensearch", "urllib3"):  # each failed attempt would be a warning beside our one line
        logging.getLogger(name).addHandler(logging.NullHandler())
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number
        is_url = False
    if not is_url or (parts.username is None) != (parts.password is None):
        raise UserError("--url: http[s]://[user:password@]host[:port] is expected, such as http://localhost:9200.")
    return OpenSearch([url], connection_class=PatientConnection, max_retries=0, timeout=TIMEOUT)


def shown(url: str) -> str:
    """The URL without user and password."""
    return urlsplit(url)._replace(netloc=urlsplit(url).netloc.rpartition("@")[2]).geturl()


@contextmanager
def server_errors(url: str, index: str) -> Iterator[None]:
    """Turn what opensearch-py raises into a UserError of one line."""
    try:
        yield
    except SSLError as error:
        remedy = "Set SSL_CERT_FILE to the certificate of the server's authority."
        raise UserError(f"{shown(url)}: no secure connection ({_innermost(error)}). {remedy}") from None
    except NoAnswer as error:
        remedy = "Start the server or correct --url; what is indexed stays, run the same command again."
        raise UserError(f"{shown(url)}: no answer ({_innermost(error)}). {remedy}") from None
    except NotFoundError:
        remedy = "Make it: python -m kosplade.tools.opensearch index"
        raise UserError(f"{shown(url)}: index '{index}' not found. {remedy}") from None
    except TransportError as error:
        raise UserError(f"{shown(url)}: index '{index}': {error.status_code} {_reason(error)}") from None
    except OpenSearchException as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{shown(url)}: not an answer of OpenSearch ({reason}). Correct --url.") from None


def _innermost(error: NoAnswer) -> str:
    """`Connection refused`, out of requests' error around urllib3's around the system's."""
    cause = error.info
    while isinstance(cause, Exception):
        inner = getattr(cause, "reason", None) or next((a for a in cause.args if isinstance(a, Exception)), None)
        if not isinstance(inner, Exception):
            break
        cause = inner
    return " ".join(str(cause).rpartition(": ")[2].split())


def _reason(error: TransportError) -> str:
    """What a server said, such as `illegal_argument_exception: ...`, with the remedy where there is a known one."""
    said = error.info.get("error") if isinstance(error.info, dict) else None
    causes = (said.get("root_cause") or [said]) if isinstance(said, dict) else [{}]
    reason = " ".join(f"{error.error}: {causes[0].get('reason', said or '')}".split())
    if error.status_code in (401, 403):
        return f"{reason}. Give a user that may: --url http[s]://user:password@host"
    if error.status_code in _BUSY:
        return f"{reason}. The server was busy through {RETRIES} retries: run the same command again later."
    return f"{reason}."
