"""Kafka behind TLS and a password: who is let in, and what the others are told."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from bus.kafka_log import KafkaLog, KafkaSettings
from bus.log import Entry
from runtime.config import BusSecurity, BusSettings
from runtime.errors import ConfigError, RetryLater
from tests.engines.kafka_server import PASSWORD, USER, KafkaServer, make_certificate

# kafka-python drops the sockets of connections that fail.
DROPPED = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
pytestmark = [pytest.mark.kafka, DROPPED]

ENTRY = [Entry("k", "帖子".encode())]


def bus(server: KafkaServer, **security: object) -> BusSettings:
    known = {
        "protocol": "SASL_SSL",
        "ca_file": server.certificate,
        "user": USER,
        "password": SecretStr(PASSWORD),
    }
    return BusSettings(
        brokers=server.secure_brokers,
        prefix="secure.",
        security=BusSecurity.model_validate(known | security),
    )


def open_log(settings: BusSettings) -> KafkaLog:
    return KafkaLog(replace(KafkaSettings.of(settings, retention_days=90), timeout_seconds=2))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_with_the_right_password_all_goes_on(kafka_server: KafkaServer, mechanism: str) -> None:
    settings = bus(kafka_server, mechanism=mechanism)
    with closing(open_log(settings)) as log, closing(log.share(mechanism, "sources")) as share:
        log.publish("posts", ENTRY)
        while 0 not in share.mine(1):
            pass
        share.publish(0, ENTRY, {"posts": ENTRY})
        assert [record.value for record in share.read(0)][-1:] == [ENTRY[0].value]
        assert len(list(log.scan("posts"))) >= 2


def test_the_password_may_stand_in_a_file(kafka_server: KafkaServer, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    settings = bus(kafka_server, password=SecretStr(""), password_file=file)
    with closing(open_log(settings)) as log:
        log.publish("posts", ENTRY)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password(kafka_server: KafkaServer, mechanism: str) -> None:
    settings = bus(kafka_server, mechanism=mechanism, password=SecretStr("wrong"))
    found = "does not let us in: .* is no; check bus.security: user 'huisheng', its password"
    with closing(open_log(settings)) as log, closing(log.reader("g", ["posts"])) as reader:
        with pytest.raises(ConfigError, match=found) as raised:
            log.publish("posts", ENTRY)
        with pytest.raises(ConfigError, match=found):
            reader.poll(1, 0.1)
    assert "wrong" not in str(raised.value)


def test_a_mechanism_that_the_broker_does_not_take(kafka_server: KafkaServer) -> None:
    settings = bus(kafka_server, mechanism="SCRAM-SHA-256")
    found = "does not take SCRAM-SHA-256; set bus.security.mechanism to one of: PLAIN, SCRAM-SHA"
    with closing(open_log(settings)) as log, pytest.raises(ConfigError, match=found):
        log.publish("posts", ENTRY)


def test_a_certificate_of_an_unknown_ca(kafka_server: KafkaServer, tmp_path: Path) -> None:
    make_certificate(tmp_path, "other")
    settings = bus(kafka_server, ca_file=tmp_path / "other.crt")
    found = "certificate is not trusted .*; name the CA's file in bus.security.ca_file"
    with closing(open_log(settings)) as log, pytest.raises(ConfigError, match=found):
        log.publish("posts", ENTRY)


def test_the_wrong_door_looks_like_a_broker_that_is_away(kafka_server: KafkaServer) -> None:
    settings = KafkaSettings(kafka_server.secure_brokers, timeout_seconds=1)
    with closing(KafkaLog(settings)) as log, pytest.raises(RetryLater, match="by PLAINTEXT"):
        log.publish("posts", ENTRY)


@pytest.mark.parametrize(
    ("security", "found"),
    [
        ({"user": ""}, "bus.security.user is empty, .* as HUISHENG_BUS__SECURITY__USER"),
        ({"password": ""}, "bus.security.password is empty, .*HUISHENG_BUS__SECURITY__PASSWORD"),
        ({"ca_file": "missing.pem"}, r"bus\.security\.ca_file: missing\.pem: .*; name a PEM"),
        ({"cert_file": "no.pem"}, r"bus\.security\.cert_file: no\.pem, key None: .*; name PEM"),
    ],
)
def test_what_no_broker_could_make_up_for(security: dict[str, str], found: str) -> None:
    known = {"protocol": "SASL_SSL", "user": "u", "password": "p"}
    settings = BusSettings(
        brokers=("127.0.0.1:1",), security=BusSecurity.model_validate(known | security)
    )
    with pytest.raises(ConfigError, match=found):
        open_log(settings)


@pytest.mark.parametrize(
    ("security", "found"),
    [
        ({"user": "u"}, "security.user is set, and .* PLAINTEXT makes no use of it; .* SASL_SSL,"),
        ({"password": "geheim"}, "security.password is set, .* take password out"),
        ({"protocol": "SSL", "user": "u"}, "security.user is set, and .*protocol SSL makes no use"),
        ({"ca_file": "ca.pem"}, "security.ca_file is set, .* set the protocol to SSL or SASL_SSL,"),
    ],
)
def test_what_the_protocol_would_leave_unused(security: dict[str, str], found: str) -> None:
    settings = BusSettings(brokers=("127.0.0.1:1",), security=BusSecurity.model_validate(security))
    with pytest.raises(ConfigError, match=found) as raised:
        open_log(settings)
    assert "geheim" not in str(raised.value)


def test_a_password_is_not_shown() -> None:
    settings = KafkaSettings(("127.0.0.1:1",), password="secret")
    assert "secret" not in repr(settings)
