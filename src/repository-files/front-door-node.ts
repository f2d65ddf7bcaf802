import { MARK } from './build-facts.ts';

/** front-door.cjs: loaded first, it serves every HTTP server of the process, whatever framework stands on it. */
export function frontDoorNode(): string {
  return `'use strict';

// ${MARK}: trusts the forwarder that stands at Heroku for a while.
// It is yours: what you edit is not touched again.
//
// While the domains still lead to Heroku, requests reach this app through a forwarder, under another host name and from
// another address. The forwarder signs what they came with: host, scheme, port and the visitor's address. With a valid
// signature the request gets them back, as Heroku's router would have given them; anything else is left as it is. Where
// FRONT_DOOR_SECRET is not set, as at Heroku itself, nothing is trusted.
//
// Load it first: \`require('./front-door.cjs')\` or \`import './front-door.cjs'\` at the top of what starts the app, or
// \`node --require ./front-door.cjs …\`. It sees requests and upgrades (WebSockets) before any framework does.
const { createHmac, timingSafeEqual } = require('node:crypto');
const http = require('node:http');

const HEADER = 'x-front-door';
const VALID_SECONDS = 300;
const EVENTS = ['request', 'checkContinue', 'upgrade'];

const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function (event, request, response, ...rest) {
  if (EVENTS.includes(event)) {
    const came = verified(request.headers[HEADER], process.env.FRONT_DOOR_SECRET || '');
    setHeader(request, HEADER, undefined);
    if (came && came.probe && event === 'request') {
      // Shows the migration, before the window, that this app trusts its forwarder.
      const proof = sign('probe ' + came.probe, process.env.FRONT_DOOR_SECRET);
      response.setHeader('content-type', 'text/plain');
      response.setHeader('cache-control', 'no-store');
      response.end(proof);
      return true;
    }
    if (came) restore(request, came);
  }
  return emit.call(this, event, request, response, ...rest);
};

function verified(signed, secret) {
  const [payload, signature] = String(signed || '').split('.');
  if (secret === '' || !signature) return undefined;
  const [expected, given] = [Buffer.from(sign(payload, secret)), Buffer.from(signature)];
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) return undefined;
  const came = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  return Math.abs(Date.now() / 1000 - came.at) <= VALID_SECONDS ? came : undefined;
}

function restore(request, came) {
  setHeader(request, 'forwarded', undefined);
  setHeader(request, 'x-forwarded-host', undefined);
  setHeader(request, 'host', came.host);
  setHeader(request, 'x-forwarded-proto', came.proto);
  setHeader(request, 'x-forwarded-port', came.port);
  setHeader(request, 'x-forwarded-for', came.for);
}

function setHeader(request, name, value) {
  const raw = [];
  for (let at = 0; at < request.rawHeaders.length; at += 2)
    if (request.rawHeaders[at].toLowerCase() !== name) raw.push(request.rawHeaders[at], request.rawHeaders[at + 1]);
  if (value === undefined) delete request.headers[name];
  else {
    request.headers[name] = value;
    raw.push(name, value);
  }
  request.rawHeaders = raw;
}

function sign(text, secret) {
  return createHmac('sha256', secret).update(text).digest('base64url');
}
`;
}
