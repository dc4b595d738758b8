"""The doctor on a server: nothing to say where all is set up well; each service that is away has its line."""

import signal

from tests.doctor.well_set_server import SECRETS, WellSetServer

AWAY = {
    "database": "connection to server",
    "redis": "Redis does not answer",
    "gateway": "No gateway answers",
    "mail": "does not take our mail",
    "sign-in": "does not answer",
    "static": "There are no static files",
    "worker": "",
    "site": "certificate",
}


def test_has_nothing_to_say_of_a_well_set_server_and_names_all_that_is_away() -> None:
    with WellSetServer() as server:
        status, report, _text = server.doctor("--mail", "ada@example.edu")

        assert [each for each in report["checks"] if each["state"] != "ok"] == []
        assert (status, report["state"]) == (0, "ok")
        names = [each["check"] for each in report["checks"]]
        assert set(AWAY) < set(names)
        assert [mail["To"] for mail in server.mail.mails] == ["ada@example.edu"]
        assert server.gateway.live_keys() == []

        status, report, _text = server.doctor(
            "--only", "site", TRUSTED_PROXY_COUNT="2", GATEWAY_PUBLIC_URL="", OIDC_ISSUER=""
        )
        assert [each["text"] for each in report["checks"] if each["state"] == "problem"] == [
            "1 proxies add to X-Forwarded-For, and TRUSTED_PROXY_COUNT is 2: no address is known."
        ]

        server.worker.stop()
        server.gateway.stop()
        server.redis.stop()
        server.postgres.stop(signal.SIGINT)
        wrong = {
            "STATIC_ROOT": str(server.web.folder / "nothing"),
            "EMAIL_URL": "smtp://ada:hunter-of-mails@127.0.0.1:1",
            "DATABASE_URL": server.postgres.url.replace("passerelle@", "passerelle:hunter-of-rows@"),
            "REDIS_URL": server.redis.url.replace("redis://", "redis://:hunter-of-queues@"),
            "OIDC_ISSUER": "http://127.0.0.1:1",
            "SSL_CERT_FILE": "",
        }
        status, report, text = server.doctor("--timeout", "60", **wrong)

    assert (status, report["state"]) == (2, "problem")
    problems: dict[str, list[str]] = {name: [] for name in AWAY}
    for each in report["checks"]:
        if each["state"] == "problem":
            assert each["advice"]
            problems.setdefault(each["check"], []).append(each["text"])
    assert [name for name, words in AWAY.items() if not any(words in text for text in problems[name])] == []
    assert [secret for secret in (*SECRETS.values(), "hunter") if secret in text] == []
