/** The forwarder’s program: made by `npm run docs` from program/, which is what to read and to change. */
export const SERVER = `import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { lookup } from 'node:dns';
import { readFileSync } from 'node:fs';
import { ServerResponse, createServer } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { connect as connectTcp, isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { TLSSocket, connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';

// answers.ts

/** What the forwarder itself answers; everything else is the new side's. */
const TEXTS = {
  400: 'This request could not be understood.',
  502: 'The server could not be reached. Please try again in a few seconds.',
  503: 'This site is being moved and will be back in a few seconds. Please try again.',
  504: 'The server did not answer in time.',
};

const RETRY_AFTER_S = 5;

function answer(response, status) {
  if (response.headersSent || response.destroyed) {
    // What was begun cannot be taken back: a cut connection says that it is not the whole.
    response.destroy();
    return;
  }
  const text = \`\${TEXTS[status] ?? ''}\\n\`;
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    ...(status === 503 ? { 'Retry-After': RETRY_AFTER_S } : {}),
  });
  response.write(text);
  finish(response);
}

/**
 * Ends an answer. Where the connection is closed after it, that waits until the client has sent the rest of its request:
 * a connection that is closed while its client still sends takes the answer along.
 */
function finish(response) {
  const { req: request, shouldKeepAlive } = response;
  if (request.complete || shouldKeepAlive) response.end();
  else request.once('close', () => response.end());
  discardRest(request);
}

/** How long a client may go on sending what nobody wants, as other servers have it ("lingering close"). */
const DISCARD_LIMIT_MS = 30_000;

/** Reads what is left of a request, so that the connection is free for the next one, or to be closed. */
function discardRest(request) {
  if (request.complete) return;
  request.unpipe();
  request.resume();
  const cut = setTimeout(() => request.socket.destroy(), DISCARD_LIMIT_MS);
  request.once('close', () => {
    clearTimeout(cut);
  });
}

// forwarded.ts

/**
 * Carries what the new side cannot see by itself, signed: \`<JSON, base64url>.<HMAC-SHA-256 of that text, base64url>\`.
 * The JSON holds \`at\` (seconds since 1970) and, as Heroku's router gave them, \`host\`, \`proto\`, \`port\` and \`for\`. Signed
 * rather than with the secret beside it: a header ends up in logs, and this one is of no use after five minutes.
 */
const SIGNED_HEADER = 'x-front-door';

/** How often a request was handed on from one forwarder that ends to the next; more than that is a circle. */
const HOPS_HEADER = 'x-front-door-hops';
const MOST_HOPS = 3;

/** Headers that are for one connection only (RFC 9110, 7.6.1). */
const ONE_CONNECTION = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
];

/** What says by whom and for what a request was made: the visitor's own words about it are never passed on. */
const OURS = [SIGNED_HEADER, HOPS_HEADER, 'host', 'forwarded', 'x-forwarded-host'];

/** The headers that a request keeps on its way to the new side, with those that say where it came from. */
function requestHeaders(request, target) {
  const headers = endToEnd(request);
  for (const name of OURS) headers.delete(name);
  // The router answers for these two: it appends the address that it saw, and says whether it was spoken to by TLS.
  const came = {
    host: request.headers.host,
    proto: last(request.headers['x-forwarded-proto']),
    port: last(request.headers['x-forwarded-port']),
    for: joined(request.headers['x-forwarded-for']),
  };
  // App Platform routes by the name that it knows, and the domain may not be on the app yet.
  put(headers, 'Host', target.targetHost);
  if (came.host !== undefined) put(headers, 'X-Forwarded-Host', came.host);
  put(headers, 'X-Front-Door', signed({ at: Math.floor(Date.now() / 1000), ...came }, target.secret));
  return framed(headers, request);
}

/**
 * The headers as they came: whoever takes this dyno's place is told by the router whatever it has to know. \`undefined\`
 * for a request that has been handed on too often.
 */
function successorHeaders(request) {
  const headers = endToEnd(request);
  const hops = Number(headers.get(HOPS_HEADER)?.values.at(-1) ?? 0);
  if (!(hops < MOST_HOPS)) return undefined;
  headers.delete(SIGNED_HEADER);
  put(headers, 'X-Front-Door-Hops', String(hops + 1));
  return framed(headers, request);
}

/** What has a body keeps it: its length is among the headers, or it is sent in chunks as it came. */
function framed(headers, { headers: came, method }) {
  if ((came.te ?? '').includes('trailers')) put(headers, 'TE', 'trailers');
  if (came['transfer-encoding'] !== undefined) put(headers, 'Transfer-Encoding', 'chunked');
  else if (
    came['content-length'] === undefined &&
    !['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE'].includes(method ?? '')
  )
    put(headers, 'Content-Length', '0');
  return headers;
}

/** Every header but those that are for one connection, each under the name and in the order in which it came. */
function endToEnd(message) {
  const headers = new Map();
  for (let at = 0; at + 1 < message.rawHeaders.length; at += 2) {
    const [name, value] = [message.rawHeaders[at] ?? '', message.rawHeaders[at + 1] ?? ''];
    const known = headers.get(name.toLowerCase());
    if (known === undefined) headers.set(name.toLowerCase(), { name, values: [value] });
    else known.values.push(value);
  }
  const named = (message.headers.connection ?? '').toLowerCase().split(',');
  for (const name of [...ONE_CONNECTION, ...named]) headers.delete(name.trim());
  return headers;
}

function put(headers, name, value) {
  headers.set(name.toLowerCase(), { name, values: [value] });
}

/** As Node's functions take them; a header that came once stays a single one. */
function asObject(headers) {
  return Object.fromEntries(
    [...headers.values()].map(({ name, values }) => [name, values.length === 1 ? (values[0] ?? '') : values]),
  );
}

function signed(content, secret) {
  const payload = Buffer.from(JSON.stringify(content)).toString('base64url');
  return \`\${payload}.\${signature(payload, secret)}\`;
}

function signature(text, secret) {
  return createHmac('sha256', secret).update(text).digest('base64url');
}

function joined(value) {
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The router's own word stands last, should a visitor have sent one, too. */
function last(value) {
  return joined(value)?.split(',').at(-1)?.trim();
}

// log.ts
/** One short line; Heroku's log adds time and dyno. Nothing that a visitor or a server sent is ever in it. */
function log(line) {
  console.log(\`front-door: \${line}\`);
}

/** What an error is called, never its message, which may quote what was sent. */
function nameOf(error) {
  if (typeof error !== 'object' || error === null) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'name' in error && typeof error.name === 'string' ? error.name : 'unknown';
}

// remembered-lookup.ts

/** Short against what a name server says of App Platform's names (minutes), long against a burst of visitors. */
const REMEMBERED_MS = 5_000;

/**
 * Resolves names as Node does, once for everybody who asks within a few seconds: a burst of connections would otherwise
 * queue for the four threads that look names up. Where the name server does not answer, what it said last still holds.
 */
function rememberedLookup(look = lookup) {
  const known = new Map();

  const addressesOf = (hostname) => {
    const kept = known.get(hostname);
    if (kept !== undefined && kept.until > performance.now()) return kept.addresses;
    const asked = new Promise((resolve, reject) => {
      look(hostname, { all: true }, (error, addresses) => {
        if (error === null) resolve(addresses);
        else reject(error);
      });
    });
    const addresses = kept === undefined ? asked : asked.catch(() => kept.addresses);
    known.set(hostname, { until: performance.now() + REMEMBERED_MS, addresses });
    // A first answer that failed is nothing to remember.
    addresses.catch(() => known.delete(hostname));
    return addresses;
  };

  return (hostname, options, callback) => {
    addressesOf(hostname).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all === true) callback(null, addresses);
        else callback(null, first?.address ?? '', first?.family ?? 4);
      },
      (error) => {
        callback(error, '', 0);
      },
    );
  };
}

// target.ts

/** A connection that was idle for longer is not used again: its other end may be closing it. */
const IDLE_LIMIT_MS = 4_000;

/** What says that nobody could be reached just now. Anything else, such as a wrong certificate, does not pass by itself. */
const PASSING = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
];

function isPassing(error) {
  return PASSING.includes(nameOf(error));
}

/** The new side, as the forwarder reaches it: over TLS whose certificate is verified, whatever the app's config vars say. */
class Target {
  #options;
  #pooled;
  #fresh;
  #connectLimitMs;
  #trouble = false;

  constructor({ targetHost, connectLimitMs = 5_000 }) {
    this.#connectLimitMs = connectLimitMs;
    const { hostname, port } = new URL(\`https://\${targetHost}\`);
    const host = hostname.replace(/^\\[(.*)\\]$/, '$1');
    this.#options = {
      host,
      port: port === '' ? 443 : Number(port),
      rejectUnauthorized: true,
      lookup: rememberedLookup(),
      setHost: false,
      maxHeaderSize: 64 * 1024,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    };
    // Node's own switch for proxies in the environment holds for its own agents only.
    const proxied = process.env['NODE_USE_ENV_PROXY'] === '1' ? { proxyEnv: process.env } : {};
    this.#pooled = new Agent({ keepAlive: true, maxFreeSockets: 1_000, timeout: IDLE_LIMIT_MS, ...proxied });
    this.#fresh = new Agent({ keepAlive: false, ...proxied });
  }

  /**
   * Begins a request; nothing of it is sent before \`onConnected\`, so that an error without it says that the new side
   * has seen nothing. With \`shared\`, a connection that is open already may be used, which the other end may be closing.
   */
  begin(request, onConnected) {
    const { method, path, headers, shared } = request;
    const agent = shared ? this.#pooled : this.#fresh;
    const outgoing = httpsRequest({ ...this.#options, method, path, headers, agent });
    const tooLong = setTimeout(() => {
      outgoing.destroy(Object.assign(new Error('No connection in time.'), { code: 'ETIMEDOUT' }));
    }, this.#connectLimitMs);
    const connected = () => {
      clearTimeout(tooLong);
      if (outgoing.destroyed) return;
      if (this.#trouble) log('reaches the new side again');
      this.#trouble = false;
      onConnected();
    };
    outgoing.once('socket', (socket) => {
      if (!(socket instanceof TLSSocket)) {
        outgoing.destroy(new Error('The connection is not encrypted.'));
        return;
      }
      // A server that vanished without a word is noticed within half a minute.
      socket.setKeepAlive(true, 15_000);
      // The agent's limit is for idle connections; an answer may take its time.
      socket.setTimeout(0);
      // Only a connection whose certificate was verified is authorized.
      if (socket.authorized) connected();
      else socket.once('secureConnect', connected);
    });
    outgoing.once('close', () => {
      clearTimeout(tooLong);
    });
    return outgoing;
  }

  /** Told once, until it is reached again. */
  tellTrouble(error) {
    if (!this.#trouble) log(\`cannot reach the new side (\${nameOf(error)})\`);
    this.#trouble = true;
  }
}

// forward.ts

/** One request and how far it has come. */

/** These may be sent again when nothing came back; of the others the new side may have done what they ask. */
const REPEATABLE = ['GET', 'HEAD', 'OPTIONS'];
const MOST_REPEATS = 3;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/**
 * Serves one exchange: waits for the door, passes it on, and as long as the new side has seen nothing of it, tries again
 * within the limit for waiting. A request that the new side may have seen is never sent twice, unless it only reads.
 */
function serve(exchange, options) {
  const { request, response } = exchange;
  let outgoing;
  let pause;
  let [attempts, repeats, gone] = [0, 0, false];

  const visitor = {
    deadline: performance.now() + options.holdLimitMs,
    pass: (through) => {
      outgoing = forward(exchange, options, { shared: repeats === 0, through, failed });
    },
    refuse: (reason) => {
      answer(response, reason === 'too-long' && attempts > 0 ? 502 : 503);
    },
  };

  const failed = (error, sent) => {
    if (gone) return;
    if (!sent && !options.toSuccessor) options.target.tellTrouble(error);
    const mayRepeat = !sent || (isRepeatable(exchange) && repeats < MOST_REPEATS);
    const pauseMs = sent ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** attempts, LONGEST_PAUSE_MS);
    if (!isPassing(error) || !mayRepeat || performance.now() + pauseMs > visitor.deadline) {
      answer(response, nameOf(error) === 'ETIMEDOUT' ? 504 : 502);
      return;
    }
    attempts += 1;
    if (sent) repeats += 1;
    pause = setTimeout(() => {
      options.waiting.enter(visitor);
    }, pauseMs);
  };

  request.on('error', () => undefined);
  response.on('error', () => undefined);
  response.once('close', () => {
    gone = true;
    clearTimeout(pause);
    options.waiting.leave(visitor);
    if (!response.writableFinished) outgoing?.destroy();
  });
  options.waiting.enter(visitor);
}

function isRepeatable({ request, upgrade }) {
  return upgrade === undefined && REPEATABLE.includes(request.method ?? '') && !hasBody(request);
}

function hasBody(request) {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/** Sends the exchange to the new side once; \`failed\` is called when nothing was answered, and whether something was sent. */
function forward(exchange, options, attempt) {
  const { request, response, upgrade } = exchange;
  let [connected, answered] = [false, false];
  let tooLong;
  const route = routeOf(exchange, options);
  const begun = route === undefined ? undefined : begin(route);
  if (begun === undefined) {
    attempt.through();
    answer(response, route === undefined ? 503 : 400);
    return undefined;
  }
  const outgoing = begun;
  outgoing.on('error', (error) => {
    if (!answered) attempt.failed(error, connected);
  });
  outgoing.once('finish', () => {
    tooLong = setTimeout(() => {
      outgoing.destroy(Object.assign(new Error('No answer in time.'), { code: 'ETIMEDOUT' }));
    }, options.answerLimitMs);
  });
  outgoing.once('close', () => {
    attempt.through();
    clearTimeout(tooLong);
  });
  outgoing.once('response', (incoming) => {
    answered = true;
    clearTimeout(tooLong);
    passAnswer(incoming, outgoing, exchange);
  });
  outgoing.once('upgrade', (incoming, socket, head) => {
    answered = true;
    clearTimeout(tooLong);
    if (upgrade === undefined) {
      socket.destroy();
      answer(response, 502);
      return;
    }
    passUpgrade(incoming, { socket, head }, exchange, upgrade);
  });
  return outgoing;

  function begin({ target, headers }) {
    try {
      return target.begin(
        {
          method: request.method ?? 'GET',
          path: request.url ?? '/',
          headers: asObject(headers),
          shared: attempt.shared && isRepeatable(exchange),
        },
        () => {
          connected = true;
          attempt.through();
          passBody(exchange, outgoing);
        },
      );
    } catch {
      // Characters that Node reads and does not write.
      return undefined;
    }
  }
}

/** Where to, and with which headers; \`undefined\` when there is nowhere to go. */
function routeOf({ request, upgrade }, options) {
  const targetHost = request.headers.host ?? '';
  const { toSuccessor } = options;
  const headers = toSuccessor ? successorHeaders(request) : requestHeaders(request, options);
  if (headers === undefined || (toSuccessor && !URL.canParse(\`https://\${targetHost}\`))) return undefined;
  headers.delete('expect');
  if (upgrade !== undefined) {
    put(headers, 'Connection', 'Upgrade');
    put(headers, 'Upgrade', request.headers.upgrade ?? '');
  }
  return { target: toSuccessor ? new Target({ targetHost }) : options.target, headers };
}

/** The body flows only now, at the pace at which the new side takes it. */
function passBody({ request, response, expectsContinue }, outgoing) {
  if (!hasBody(request)) {
    outgoing.end();
    return;
  }
  if (expectsContinue === true) response.writeContinue();
  request.pipe(outgoing, { end: false });
  request.once('end', () => {
    if (request.rawTrailers.length > 0) outgoing.addTrailers(pairs(request.rawTrailers));
    outgoing.end();
  });
}

function passAnswer(incoming, outgoing, { request, response }) {
  const headers = endToEnd(incoming);
  // Says where else the new side's own name is served, which is not where the visitor's is.
  headers.delete('alt-svc');
  for (const { name, values } of headers.values())
    response.setHeader(name, values.length === 1 ? (values[0] ?? '') : values);
  response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage);
  response.flushHeaders();
  incoming.pipe(response, { end: false });
  incoming.once('end', () => {
    if (incoming.rawTrailers.length > 0) response.addTrailers(pairs(incoming.rawTrailers));
    // Answered before it was wholly sent: the new side wants no more of it.
    if (!request.complete) outgoing.destroy();
    finish(response);
  });
  incoming.on('error', () => undefined);
  incoming.once('close', () => {
    // Cut before its end: so must ours be, or half an answer would look like a whole one.
    if (!incoming.complete) response.destroy();
  });
}

/** From here on the two connections are one. */
function passUpgrade(incoming, theirs, { response }, ours) {
  const lines = [\`HTTP/1.1 \${incoming.statusCode ?? 101} \${incoming.statusMessage ?? ''}\`];
  for (let at = 0; at + 1 < incoming.rawHeaders.length; at += 2)
    lines.push(\`\${incoming.rawHeaders[at] ?? ''}: \${incoming.rawHeaders[at + 1] ?? ''}\`);
  response.detachSocket(ours.socket);
  ours.socket.write(Buffer.from(\`\${lines.join('\\r\\n')}\\r\\n\\r\\n\`, 'latin1'));
  if (theirs.head.length > 0) ours.socket.write(theirs.head);
  if (ours.head.length > 0) theirs.socket.write(ours.head);
  join(ours.socket, theirs.socket);
  join(theirs.socket, ours.socket);
}

function join(from, to) {
  from.on('error', () => undefined);
  from.once('close', () => to.destroy());
  from.pipe(to);
}

function pairs(raw) {
  return raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? '']] : []));
}

// settings.ts

/** What stands beside the program in its slug, in \`front-door.json\`. */

function readSettings(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

// postgres-messages.ts

/** One message of Postgres's protocol, without its length. */

/** What we ask for is one word; whatever is longer is not for us. */
const LONGEST = 1_000_000;

/** Cuts what comes into messages: a letter, a length that counts itself, and the body. */
function readMessages(stream) {
  let pending = Buffer.alloc(0);
  let lost;
  let wake = () => undefined;

  const lose = (error) => {
    lost ??= error;
    wake();
  };
  stream.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    wake();
  });
  stream.on('error', lose);
  stream.on('close', () => {
    lose(Object.assign(new Error('The connection was lost.'), { code: 'ECONNRESET' }));
  });

  const take = () => {
    if (pending.length < 5) return undefined;
    const size = pending.readInt32BE(1);
    if (size < 4 || size > LONGEST) throw new Error('The server’s words are not understood.');
    if (pending.length < size + 1) return undefined;
    const message = { type: pending.toString('latin1', 0, 1), body: pending.subarray(5, size + 1) };
    pending = pending.subarray(size + 1);
    return message;
  };
  return {
    next: async () => {
      for (;;) {
        const message = take();
        if (message !== undefined) return message;
        if (lost !== undefined) throw lost;
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

// scram.ts

/** The client's part of SCRAM-SHA-256 (RFC 5802, RFC 7677) as Postgres speaks it, without channel binding. */

/** So many rounds are no server's choice, and would keep the dyno busy. */
const MOST_ROUNDS = 1_000_000;

function startScram(password) {
  const nonce = randomBytes(18).toString('base64');
  // Postgres takes the user's name from the start of the session.
  const bare = \`n=,r=\${nonce}\`;
  let expected;
  return {
    first: \`n,,\${bare}\`,
    answer: async (serverFirst) => {
      const said = attributes(serverFirst);
      const [both, salt, rounds] = [said.get('r') ?? '', said.get('s') ?? '', Number(said.get('i'))];
      if (!both.startsWith(nonce) || both === nonce || salt === '' || !(rounds >= 1 && rounds <= MOST_ROUNDS))
        throw new Error('The server’s challenge is not understood.');
      const salted = await promisify(pbkdf2)(
        password.normalize('NFKC'),
        Buffer.from(salt, 'base64'),
        rounds,
        32,
        'sha256',
      );
      const clientKey = hmac(salted, 'Client Key');
      const withoutProof = \`c=\${Buffer.from('n,,').toString('base64')},r=\${both}\`;
      const all = \`\${bare},\${serverFirst},\${withoutProof}\`;
      const signature = hmac(createHash('sha256').update(clientKey).digest(), all);
      expected = hmac(hmac(salted, 'Server Key'), all);
      const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0));
      return \`\${withoutProof},p=\${Buffer.from(proof).toString('base64')}\`;
    },
    verify: (serverFinal) => {
      const said = Buffer.from(attributes(serverFinal).get('v') ?? '', 'base64');
      if (expected === undefined || said.length !== expected.length || !timingSafeEqual(said, expected))
        throw new Error('The server did not prove that it knows the password.');
    },
  };
}

function hmac(key, text) {
  return createHmac('sha256', key).update(text).digest();
}

/** \`r=…,s=…,i=…\`; a value may hold the equals sign. */
function attributes(message) {
  return new Map(message.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
}

// postgres.ts

/** One session of the old database, for a simple query at a time. */

/** What the server refused, by its SQLSTATE. */
class Refused extends Error {
  code;
  constructor(code) {
    super(\`The server refused (\${code}).\`);
    this.code = code;
  }
}

/**
 * Opens a session at \`postgres://user:password@host:port/database\`. It is always encrypted, and the server's certificate
 * is not verified: Heroku's is signed by nobody, and Heroku's own clients do the same. Connecting, logging in and each
 * query may take \`limitMs\`.
 */
async function openSession(url, limitMs = 5_000) {
  const address = new URL(url);
  const stream = await within(limitMs, (signal) => encrypted(address, signal));
  const messages = readMessages(stream);
  const limited = async (talk) => {
    const timer = setTimeout(() => stream.destroy(timeout()), limitMs);
    try {
      return await talk();
    } finally {
      clearTimeout(timer);
    }
  };
  try {
    await limited(() => logIn(stream, messages, address));
  } catch (error) {
    stream.destroy();
    throw error;
  }
  return {
    query: (sql) =>
      limited(async () => {
        stream.write(message('Q', text(sql)));
        return readRows(messages);
      }),
    close: () => {
      stream.end(message('X'));
      stream.destroySoon();
    },
  };
}

function timeout() {
  return Object.assign(new Error('No answer in time.'), { code: 'ETIMEDOUT' });
}

async function within(limitMs, act) {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(timeout());
  }, limitMs);
  try {
    return await act(controller.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Postgres begins in clear: one request, one letter as the answer, and then TLS on the same connection. */
function encrypted(address, signal) {
  return new Promise((resolve, reject) => {
    const host = address.hostname.replace(/^\\[(.*)\\]$/, '$1');
    const socket = connectTcp({ host, port: Number(address.port || 5432), noDelay: true, keepAlive: true });
    const fail = (error) => {
      socket.destroy();
      reject(error);
    };
    signal.addEventListener('abort', () => {
      fail(signal.reason);
    });
    socket.on('error', fail);
    socket.once('close', () => {
      fail(new Error('The connection was closed.'));
    });
    socket.once('connect', () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
    socket.once('data', (answer) => {
      // More than the letter would be somebody's words from before the encryption.
      if (answer.toString('latin1') !== 'S') {
        fail(Object.assign(new Error('The server does not encrypt.'), { code: 'NO_TLS' }));
        return;
      }
      const servername = isIP(host) === 0 ? host : '';
      const stream = connectTls({ socket, servername, rejectUnauthorized: false }, () => {
        resolve(stream);
      });
      stream.on('error', fail);
    });
  });
}

async function logIn(stream, messages, address) {
  const user = decodeURIComponent(address.username);
  const password = decodeURIComponent(address.password);
  const parameters = [
    ['user', user],
    ['database', decodeURIComponent(address.pathname.slice(1))],
    // Sessions of this name are ours: nobody takes them for stray ones of the application.
    ['application_name', 'h2d front-door'],
  ].flat();
  stream.write(sized(Buffer.concat([Buffer.from([0, 3, 0, 0]), ...parameters.map(text), Buffer.from([0])])));

  const scram = startScram(password);
  for (;;) {
    const { type, body } = await messages.next();
    if (type === 'Z') return;
    if (type !== 'R') {
      refuse(type, body);
      continue;
    }
    const [kind, rest] = [body.readInt32BE(0), body.subarray(4)];
    if (kind === 0) continue;
    else if (kind === 3) stream.write(message('p', text(password)));
    else if (kind === 5) {
      const inner = md5(Buffer.from(password + user));
      stream.write(message('p', text(\`md5\${md5(Buffer.concat([Buffer.from(inner), rest]))}\`)));
    } else if (kind === 10) {
      if (!rest.toString('utf8').split('\\0').includes('SCRAM-SHA-256'))
        throw new Error('The server knows no way of logging in that is known here.');
      const first = Buffer.from(scram.first);
      stream.write(message('p', text('SCRAM-SHA-256'), length(first.length), first));
    } else if (kind === 11)
      stream.write(message('p', Buffer.from(await scram.answer(rest.toString('utf8')))));
    else if (kind === 12) scram.verify(rest.toString('utf8'));
    else throw new Error('The server knows no way of logging in that is known here.');
  }
}

async function readRows(messages) {
  const rows = [];
  let failure;
  for (;;) {
    const { type, body } = await messages.next();
    if (type === 'Z') break;
    if (type === 'D') rows.push(readRow(body));
    else
      try {
        refuse(type, body);
      } catch (error) {
        // The server says that it is ready again before the next query may be sent.
        failure = error;
      }
  }
  if (failure !== undefined) throw failure;
  return rows;
}

function readRow(body) {
  const row = [];
  for (let at = 2; at < body.length;) {
    const size = body.readInt32BE(at);
    at += 4;
    row.push(size === -1 ? null : body.toString('utf8', at, at + size));
    at += Math.max(size, 0);
  }
  return row;
}

/** Throws for an error's message; what else the server tells by the way is left unread. */
function refuse(type, body) {
  if (type !== 'E') return;
  const code = body
    .toString('utf8')
    .split('\\0')
    .find((field) => field.startsWith('C'));
  throw new Refused(code?.slice(1) ?? 'unknown');
}

function md5(data) {
  return createHash('md5').update(data).digest('hex');
}

function text(value) {
  return Buffer.from(\`\${value}\\0\`);
}

function length(value) {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function sized(body) {
  return Buffer.concat([length(body.length + 4), body]);
}

function message(type, ...parts) {
  return Buffer.concat([Buffer.from(type), sized(Buffer.concat(parts))]);
}

// state-row.ts

const EVERY_MS = 100;
const LONGEST_READ_PAUSE_MS = 1_000;

/**
 * Follows the row in the old database over one connection, until the signal. What cannot be read changes
 * nothing: who forwarded forwards on, who held holds on.
 */
async function followRow(options) {
  // As in src/front-door/state.ts, whose row it is. A migration's id holds letters, digits and hyphens.
  const sql = \`SELECT state FROM heroku_to_digitalocean.front_door WHERE migration_id = '\${options.migrationId.replaceAll("'", "''")}'\`;
  let session;
  let trouble = false;
  for (let pauseMs = EVERY_MS; options.signal?.aborted !== true;) {
    try {
      session ??= await openSession(options.url ?? '');
      const state = (await session.query(sql))[0]?.[0];
      if (state !== 'hold' && state !== 'forward') throw Object.assign(new Error(), { code: 'NO_ROW' });
      if (trouble) log('reads its state again');
      trouble = false;
      pauseMs = EVERY_MS;
      options.onState(state);
    } catch (error) {
      session?.close();
      session = undefined;
      if (!trouble) log(\`cannot read its state (\${nameOf(error)}) and goes on as it is\`);
      trouble = true;
      pauseMs = Math.min(pauseMs * 2, LONGEST_READ_PAUSE_MS);
    }
    await delay(pauseMs);
  }
  session?.close();
}

// waiting.ts
/** Somebody who wants to be served: a request or an upgrade. */

/**
 * How many may wait. Bodies are not read: what one costs is its headers, and what of its body lies in buffers until back
 * pressure reaches the router, about 100 KB. The smallest dyno has 512 MB.
 */
const WAITING_LIMIT = 2_000;

/**
 * So many may be getting their connection at once. More at a time are no faster: their handshakes only take each other's
 * time until all of them take too long.
 */
const PASSING_LIMIT = 50;

/** The queue in front of the door: first come, first served. */
class Waiting {
  #queue = new Map();
  #limit;
  #open = false;
  #passing = 0;

  constructor(limit = WAITING_LIMIT) {
    this.#limit = limit;
  }

  get length() {
    return this.#queue.size;
  }

  get isOpen() {
    return this.#open;
  }

  /** Passes the visitor at once when the door is open and nobody is in front; otherwise sooner or later, or refuses. */
  enter(visitor) {
    if (this.#queue.size === 0 && this.#mayPass()) {
      this.#pass(visitor);
      return;
    }
    const leftMs = visitor.deadline - performance.now();
    if (leftMs <= 0 || this.#queue.size >= this.#limit) {
      visitor.refuse(leftMs <= 0 ? 'too-long' : 'too-many');
      return;
    }
    const timer = setTimeout(() => {
      if (this.#queue.delete(visitor)) visitor.refuse('too-long');
    }, leftMs);
    this.#queue.set(visitor, timer);
  }

  /** For one who went away. */
  leave(visitor) {
    clearTimeout(this.#queue.get(visitor));
    this.#queue.delete(visitor);
  }

  open() {
    this.#open = true;
    this.#passNext();
  }

  shut() {
    this.#open = false;
  }

  #mayPass() {
    return this.#open && this.#passing < PASSING_LIMIT;
  }

  #passNext() {
    for (const visitor of this.#queue.keys()) {
      if (!this.#mayPass()) return;
      this.leave(visitor);
      this.#pass(visitor);
    }
  }

  #pass(visitor) {
    let through = false;
    this.#passing += 1;
    visitor.pass(() => {
      if (through) return;
      through = true;
      this.#passing -= 1;
      setImmediate(() => {
        this.#passNext();
      });
    });
  }
}

// server.ts

/**
 * The forwarder of the traffic mode front-door, which runs on the Heroku app in place of the application's own code. It
 * lets requests wait until the new side is open, and then passes them on. See docs/front-door.md.
 */
const settings = readSettings(new URL('front-door.json', import.meta.url));
const waiting = new Waiting(settings.waitingLimit);
const options = {
  target: new Target(settings),
  toSuccessor: false,
  targetHost: settings.targetHost,
  secret: settings.secret,
  waiting,
  holdLimitMs: settings.holdLimitMs,
  // App Platform ends what takes longer.
  answerLimitMs: settings.answerLimitMs ?? 100_000,
};

let ending = false;

/** By then the router has noticed that this dyno takes no more. */
const SUCCESSOR_AFTER_MS = 1_000;

/** Connections that are no longer the HTTP server's to close. */
const upgraded = new Set();

const server = createServer({
  maxHeaderSize: 64 * 1024,
  // An upload takes as long as it takes: the router ends what stands still.
  requestTimeout: 0,
  headersTimeout: 100_000,
  // Longer than the router keeps a connection to a dyno (90 s), so that it is never closed under its hands.
  keepAliveTimeout: 95_000,
  // What of a waiting request's body is taken in; the rest stays with its client.
  highWaterMark: 16 * 1024,
  requireHostHeader: false,
});

server.on('request', (request, response) => {
  if (ending) response.shouldKeepAlive = false;
  serve({ request, response }, options);
});
server.on('checkContinue', (request, response) => {
  // Whether the body comes after all is the client's to decide, so that the next request could not be told from it.
  response.shouldKeepAlive = false;
  serve({ request, response, expectsContinue: true }, options);
});
server.on('upgrade', (request, socket, head) => {
  upgraded.add(socket);
  socket.once('close', () => upgraded.delete(socket));
  socket.on('error', () => undefined);
  // For the case that the answer is none: a refusal of ours, or one of the new side's.
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => socket.end());
  socket.once('close', () => response.destroy());
  const exchange = { request, response, upgrade: { socket, head } };
  const { 'content-length': length, 'transfer-encoding': chunked } = request.headers;
  if (chunked !== undefined || (length !== undefined && length !== '0')) answer(response, 400);
  else serve(exchange, options);
});
server.on('clientError', (_error, socket) => {
  if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\\r\\nConnection: close\\r\\n\\r\\n');
  else socket.destroy();
});

server.on('error', (error) => {
  log(\`cannot listen (\${nameOf(error)})\`);
  process.exit(1);
});

let since = performance.now();
let known;

function obey(state) {
  if (state === known) return;
  const seconds = ((performance.now() - since) / 1000).toFixed(1);
  log(
    state === 'hold'
      ? 'holds'
      : \`forwards to \${settings.targetHost} after \${seconds} s, \${waiting.length} waited\`,
  );
  known = state;
  since = performance.now();
  // Once somebody is sent to this dyno's successors, everybody is.
  if (options.toSuccessor) return;
  if (state === 'forward') waiting.open();
  else waiting.shut();
}

server.listen(Number(process.env['PORT']), () => {
  log('listens');
});
if (settings.forwards === 'always') obey('forward');
else
  void followRow({
    url: process.env[settings.databaseVariable],
    migrationId: settings.migrationId,
    onState: obey,
  });

// Heroku ends a dyno with SIGTERM, and kills it 30 s later. By then nobody new is sent to it.
process.on('SIGTERM', () => {
  if (ending) return;
  ending = true;
  const limitMs = settings.shutdownLimitMs ?? 25_000;
  log(\`ends: finishes what it has begun, \${waiting.length} wait\`);
  server.close();
  if (!waiting.isOpen)
    setTimeout(() => {
      options.toSuccessor = !waiting.isOpen;
      waiting.open();
    }, SUCCESSOR_AFTER_MS);
  const done = setInterval(() => {
    server.closeIdleConnections();
    server.getConnections((_error, count) => {
      if (count === 0) process.exit(0);
    });
  }, 50);
  setTimeout(() => {
    clearInterval(done);
    log('ends with connections open');
    for (const socket of upgraded) socket.destroy();
    server.closeAllConnections();
    process.exit(0);
  }, limitMs);
});

// One visitor's mishap is not the others'.
process.on('uncaughtException', (error) => {
  log(\`met something unexpected (\${nameOf(error)})\`);
});
`;
