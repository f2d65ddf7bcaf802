import { MARK } from './build-facts.ts';

/** front_door.py: wraps a WSGI or an ASGI application. */
export function frontDoorPython(): string {
  return `# ${MARK}: trusts the forwarder that stands at Heroku for a while.
# It is yours: what you edit is not touched again.
#
# While the domains still lead to Heroku, requests reach this app through a forwarder, under another host name and from
# another address. The forwarder signs what they came with: host, scheme, port and the visitor's address. With a valid
# signature the request gets them back, as Heroku's router would have given them; anything else is left as it is. Where
# FRONT_DOOR_SECRET is not set, as at Heroku itself, nothing is trusted.
#
# Wrap the application that the server is started with, as the last line of its module:
#     application = front_door.wsgi(application)    or    application = front_door.asgi(application)
import base64
import hashlib
import hmac
import json
import os
import time

VALID_SECONDS = 300


def wsgi(application, secret=None):
    """Gives a WSGI application (Django, Flask) the requests as they came to Heroku."""
    secret = _secret(secret)

    def served(environ, start_response):
        came = _verified(environ.pop("HTTP_X_FRONT_DOOR", ""), secret)
        if came is not None and came.get("probe"):
            start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "no-store")])
            return [_sign("probe " + came["probe"], secret).encode()]
        if came is not None:
            for name in ("HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED"):
                environ.pop(name, None)
            for name, key in (
                ("HTTP_HOST", "host"),
                ("HTTP_X_FORWARDED_PROTO", "proto"),
                ("HTTP_X_FORWARDED_PORT", "port"),
                ("HTTP_X_FORWARDED_FOR", "for"),
            ):
                environ.pop(name, None)
                if came.get(key) is not None:
                    environ[name] = came[key]
            if came.get("proto") in ("http", "https"):
                environ["wsgi.url_scheme"] = came["proto"]
        return application(environ, start_response)

    return served


def asgi(application, secret=None):
    """Gives an ASGI application (Django, FastAPI, Starlette) the requests and WebSockets as they came to Heroku."""
    secret = _secret(secret)

    async def served(scope, receive, send):
        if scope["type"] not in ("http", "websocket"):
            return await application(scope, receive, send)
        headers = [(name.lower(), value) for name, value in scope["headers"]]
        signed = b"".join(value for name, value in headers if name == b"x-front-door")
        headers = [(name, value) for name, value in headers if name != b"x-front-door"]
        came = _verified(signed.decode("latin-1"), secret)
        if came is not None and came.get("probe") and scope["type"] == "http":
            fields = [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 200, "headers": fields})
            body = _sign("probe " + came["probe"], secret).encode()
            return await send({"type": "http.response.body", "body": body})
        scope = dict(scope, headers=headers)
        if came is not None:
            restored = {
                b"host": came.get("host"),
                b"x-forwarded-proto": came.get("proto"),
                b"x-forwarded-port": came.get("port"),
                b"x-forwarded-for": came.get("for"),
            }
            gone = set(restored) | {b"x-forwarded-host", b"forwarded"}
            scope["headers"] = [(name, value) for name, value in headers if name not in gone] + [
                (name, value.encode("latin-1")) for name, value in restored.items() if value is not None
            ]
            if came.get("proto") in ("http", "https"):
                secure = came["proto"] == "https"
                scope["scheme"] = ("wss" if secure else "ws") if scope["type"] == "websocket" else came["proto"]
        return await application(scope, receive, send)

    return served


def _secret(given):
    return os.environ.get("FRONT_DOOR_SECRET", "") if given is None else given


def _verified(signed, secret):
    payload, _, signature = signed.partition(".")
    if not secret or not signature:
        return None
    if not hmac.compare_digest(_sign(payload, secret).encode(), signature.encode("latin-1", "replace")):
        return None
    came = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return came if abs(time.time() - came["at"]) <= VALID_SECONDS else None


def _sign(text, secret):
    digest = hmac.new(secret.encode(), text.encode("latin-1", "replace"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
`;
}
