"""Receives mails (aiosmtpd), webhooks (http.server; signatures verified by the reference implementation of Standard
Webhooks) and traces (at /v1/traces; read by the messages that OpenTelemetry publishes) on loopback, and writes what came
into FOLDER, one file each: mail-N.json, webhook-N.json, traces-N.json, and refused-N.json for what was refused.

With a certificate the mail server insists on STARTTLS and on the sign-in roll:call. Prints SMTP_PORT, HTTP_URL and
READY; ends when standard input closes. The file FOLDER/refuse makes web addresses answer 503.
"""

import base64
import email
import email.policy
import http.server
import json
import os
import pathlib
import ssl
import sys
import threading

import standardwebhooks
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
folder = pathlib.Path(sys.argv[1])
count = {"mail": 0, "webhook": 0, "traces": 0, "refused": 0}
lock = threading.Lock()


def keep(kind, what):
    with lock:
        count[kind] += 1
        unfinished = folder / "unfinished"
        unfinished.write_text(json.dumps(what))
        unfinished.rename(folder / f"{kind}-{count[kind]}.json")


class Mails:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        keep("mail", {
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": mail["subject"], "id": mail["message-id"],
            "text": mail.get_content(), "tls": session.ssl is not None, "signed_in": session.authenticated,
        })
        return "250 taken"


class Web(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        refused = (folder / "refuse").exists()
        if refused:
            keep("refused", {"path": self.path})
        if self.path == "/v1/traces":
            if not refused:
                self.take_traces(body)
            return self.answer(503 if refused else 200)
        self.take_webhook(body, refused)
        self.answer(503 if refused else 204)

    def take_traces(self, body):
        # Raises for what is no such message; the client then gets no answer.
        message = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
        keep("traces", {
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": base64.b64encode(body).decode(), "message": MessageToDict(message),
        })

    def take_webhook(self, body, refused):
        try:
            standardwebhooks.Webhook(KEY).verify(body, dict(self.headers.items()))
            verified = True
        except standardwebhooks.WebhookVerificationError as error:
            verified = str(error)
        if not refused:
            keep("webhook", {
                "path": self.path, "verified": verified, "id": self.headers.get("webhook-id"),
                "type": self.headers.get("content-type"), "body": json.loads(body),
            })

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def authenticate(server, session, envelope, mechanism, data):
    # "Handled" would mean that the answer was sent already.
    return AuthResult(success=(data.login, data.password) == (b"roll", b"call"), handled=False)


secured = {}
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    secured = {"tls_context": context, "require_starttls": True, "authenticator": authenticate, "auth_required": True}


class OnAnyPort(Controller):
    """The controller looks for its server under the port that it was given, which is 0."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


mails = OnAnyPort(Mails(), hostname="127.0.0.1", port=0, **secured)
mails.start()
web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
threading.Thread(target=web.serve_forever, daemon=True).start()
print(f"SMTP_PORT={mails.port}\nHTTP_URL=http://127.0.0.1:{web.server_port}\nREADY", flush=True)
sys.stdin.read()
# Connections that a client left half open must not keep the process alive.
os._exit(0)
