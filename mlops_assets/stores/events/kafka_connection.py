"""How to reach a Kafka cluster, and what its errors mean."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_assets.errors import PlatformError, SettingsError, StoreAccessError, StoreUnavailableError
from mlops_assets.stores.events.base import EventTooLargeError
from mlops_assets.stores.urls import options_of, parse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from confluent_kafka import KafkaError

Client = TypeVar("Client")

_OF_THE_CONNECTION = ("sasl_mechanism", "security_protocol", "ssl_ca_location", "ssl_certificate_location", "ssl_key_location")
_OF_BATCHES = ("batch_num_messages", "compression_type")
"""What a URL may say, with `_` for the `.` of librdkafka's names. None of it is a secret."""


def hosts_of(url: str) -> str:
    """Return the brokers that a URL names, `host:port` with commas between them.

    Raises:
        SettingsError: it names none, or something behind them.
    """
    parts = parse_url(url)
    if not parts.hosts or parts.path not in ("", "/"):
        raise SettingsError(f"{parts.shown!r} is not like kafka://host:9092,other:9092?security_protocol=SSL")
    return parts.hosts


def client_options(url: str, environment: Mapping[str, str]) -> dict[str, str | int]:
    """Return librdkafka's options for the cluster of a URL.

    User and password are those of the URL, or else of MLOPS_KAFKA_USERNAME and MLOPS_KAFKA_PASSWORD, if the protocol is one of
    SASL.

    Raises:
        SettingsError: the URL has an option that is not known, or a user without a protocol that would authenticate it.
    """
    parts = parse_url(url)
    given = options_of(parts, _OF_THE_CONNECTION + _OF_BATCHES)
    options: dict[str, str | int] = {name.replace("_", "."): value for name, value in given.items()}
    options["bootstrap.servers"] = hosts_of(url)
    # What librdkafka would print is in our errors.
    options["log_level"] = 0
    # Else a client may sleep for ten seconds after its broker is back.
    options["reconnect.backoff.max.ms"] = 1000
    if given.get("security_protocol", "").upper().startswith("SASL"):
        options["sasl.username"] = parts.user or environment.get("MLOPS_KAFKA_USERNAME", "")
        options["sasl.password"] = parts.password or environment.get("MLOPS_KAFKA_PASSWORD", "")
    elif parts.has_credentials:
        raise SettingsError(
            f"{parts.shown!r} has a user; add security_protocol=SASL_SSL (or SASL_PLAINTEXT) and sasl_mechanism=..."
        )
    return options


def connected(client: Callable[[dict[str, Any]], Client], options: Mapping[str, Any], label: str) -> Client:
    """Return a client of a class of confluent-kafka; it connects by and by.

    Raises:
        SettingsError: librdkafka does not understand an option.
    """
    from confluent_kafka import KafkaException

    try:
        return client(dict(options))
    except KafkaException as exception:
        raise SettingsError(f"{label}: {exception.args[0].str()}") from exception


@contextmanager
def errors_of(label: str) -> Iterator[None]:
    """Turn what a client raises into the error of a store."""
    from confluent_kafka import KafkaException

    try:
        yield
    except KafkaException as exception:
        raise store_error(exception.args[0], label) from exception


class ClientErrors:
    """Why a client reaches no broker. librdkafka says so in a callback; the call itself only times out."""

    def __init__(self, label: str) -> None:
        """Begin without any.

        Args:
            label: the cluster, as errors shall name it.
        """
        self._label = label
        self._worst: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        """Note an error: the last one, but one that is permanent rather than one that is transient."""
        from confluent_kafka import KafkaError

        # That all brokers are down follows from another error; and nothing is asked of a reader's group.
        if error.code() in {KafkaError._ALL_BROKERS_DOWN, KafkaError.GROUP_AUTHORIZATION_FAILED}:
            return
        if self._worst is None or is_transient(self._worst) or not is_transient(error):
            self._worst = error

    def raise_if_hopeless(self) -> None:
        """Stop waiting if the cluster refuses the client.

        A failed TLS handshake may be that of a broker that is just being stopped, so it alone is waited for.

        Raises:
            StoreAccessError: it does.
        """
        from confluent_kafka import KafkaError

        if self._worst is not None and not is_transient(self._worst) and self._worst.code() != KafkaError._SSL:
            raise store_error(self._worst, self._label)

    def given_up(self, doing: str, seconds: float, error: KafkaError | None = None) -> PlatformError:
        """Return the error for a wait that took too long: for the worst complaint, or else for an error of the call itself."""
        cause = self._worst or error
        if cause is not None and not is_transient(cause):
            return store_error(cause, self._label)
        reason = f": {cause.str()}" if cause else ""
        return StoreUnavailableError(f"{self._label}: {doing} made no progress for {seconds:g} s{reason}")


def store_error(error: KafkaError, label: str) -> PlatformError:
    """Return the error of a store for one of Kafka's."""
    from confluent_kafka import KafkaError

    message = f"{label}: {error.str()} ({error.name()})"
    if is_transient(error):
        return StoreUnavailableError(message)
    if error.code() in {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}:
        return EventTooLargeError(f"{message}; make the event smaller, or raise max.message.bytes of the topic")
    return StoreAccessError(f"{message}; check the URL, the user's permissions and the limits of topic and broker")


def is_transient(error: KafkaError) -> bool:
    """Tell whether time alone may cure an error."""
    from confluent_kafka import KafkaError

    return error.retriable() or error.code() in {
        # Connections.
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._DESTROY_BROKER,
        KafkaError._RESOLVE,
        KafkaError._TRANSPORT,
        KafkaError._UNKNOWN_BROKER,
        KafkaError.NETWORK_EXCEPTION,
        # Of a topic that exists: the client is about to ask again who leads it.
        KafkaError._UNKNOWN_PARTITION,
        # Waits that were too short.
        KafkaError._MSG_TIMED_OUT,
        KafkaError._PURGE_INFLIGHT,
        KafkaError._PURGE_QUEUE,
        KafkaError._QUEUE_FULL,
        KafkaError._RETRY,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._WAIT_CACHE,
        KafkaError._WAIT_COORD,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.THROTTLING_QUOTA_EXCEEDED,
        # Brokers that start, stop, or hand a partition over.
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_CONTROLLER,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        # The identity of an idempotent producer was lost; the next append gets another.
        KafkaError._GAPLESS_GUARANTEE,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.INVALID_PRODUCER_ID_MAPPING,
        KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
        KafkaError.UNKNOWN_PRODUCER_ID,
    }
