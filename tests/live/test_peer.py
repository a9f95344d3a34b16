import logging
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from prometheus import program
from scripted import Handler, server

from adt_gym.checks import InputError
from adt_gym.live.peer import Peer, Trouble


def test_a_private_authority(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=it"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run([program("openssl"), *command.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with server(lambda request: request.answer(b"hello"), context=context) as url:
        assert Peer(url, 5.0, ca_file=certificate).ask("GET") == b"hello"
        with pytest.raises(Trouble, match="CERTIFICATE_VERIFY_FAILED") as raised:
            Peer(url, 5.0).ask("GET")
    assert raised.value.kind == "connection"
    with pytest.raises(InputError, match="cannot be read as certificates"):
        Peer("https://it", 1.0, ca_file=key)


def test_nothing_secret_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither an address, which may be one, nor a token that no header may hold."""
    token = tmp_path / "token"
    token.write_text("tok\nen")
    said = []
    with caplog.at_level(logging.DEBUG), server(lambda request: request.answer(b"", 500)) as url:
        for peer in (Peer(f"{url}/hook/hidden", 5.0), Peer(url, 5.0, bearer_token_file=token)):
            with pytest.raises(Trouble) as raised:
                peer.ask("POST", json={})
            said.append(str(raised.value))
    assert said[0] == f"{url} answered 500"
    assert "more than the one line of a token" in said[1]
    assert not any(word in "".join((*said, caplog.text)) for word in ("hidden", "tok\n", "tok\\n"))


def test_no_redirection_is_followed(tmp_path: Path) -> None:
    asked = []

    def answer(request: Handler) -> None:
        asked.append(request.path)
        request.answer(b"", 307, Location="/elsewhere")

    with server(answer) as url, pytest.raises(Trouble, match="answered 307"):
        Peer(url, 5.0).ask("POST", "here")
    assert asked == ["/here"]


def test_an_answer_that_trickles_is_a_timeout() -> None:
    def answer(request: Handler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        while not threading.Event().wait(0.05):  # until the other side hangs up
            request.wfile.write(b"x")

    with server(answer) as url, pytest.raises(Trouble, match=r"had not answered all after 0\.3 s") as raised:
        Peer(url, 0.3).ask("GET")
    assert raised.value.kind == "timeout"


@pytest.mark.parametrize("url", ["", "localhost:9090", "ftp://it", "http://", "http://a:b:c"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(InputError, match="url must be one such as"):
        Peer(url, 1.0)
