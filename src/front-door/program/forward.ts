import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

import { answer, finish } from './answers.ts';
import { asObject, endToEnd, put, requestHeaders, successorHeaders, type HeaderList } from './forwarded.ts';
import { nameOf } from './log.ts';
import { isPassing, Target } from './target.ts';
import type { Visitor, Waiting } from './waiting.ts';

/** One request and how far it has come. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** For an upgrade (a WebSocket): the connection itself, and what came after the request's headers. */
  upgrade?: { socket: Duplex; head: Buffer };
  /** The client waits for a word before it sends the body. */
  expectsContinue?: boolean;
}

export interface ForwardOptions {
  target: Target;
  /**
   * Once this dyno is told to end while it holds: whoever waits here is sent to the address that it came to, where
   * Heroku's router leads to the dynos that take this one's place. They may run the old code again.
   */
  toSuccessor: boolean;
  targetHost: string;
  secret: string;
  waiting: Waiting;
  holdLimitMs: number;
  answerLimitMs: number;
}

/** These may be sent again when nothing came back; of the others the new side may have done what they ask. */
const REPEATABLE = ['GET', 'HEAD', 'OPTIONS'];
const MOST_REPEATS = 3;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/**
 * Serves one exchange: waits for the door, passes it on, and as long as the new side has seen nothing of it, tries again
 * within the limit for waiting. A request that the new side may have seen is never sent twice, unless it only reads.
 */
export function serve(exchange: Exchange, options: ForwardOptions): void {
  const { request, response } = exchange;
  let outgoing: ClientRequest | undefined;
  let pause: NodeJS.Timeout | undefined;
  let [attempts, repeats, gone] = [0, 0, false];

  const visitor: Visitor = {
    deadline: performance.now() + options.holdLimitMs,
    pass: (through) => {
      outgoing = forward(exchange, options, { shared: repeats === 0, through, failed });
    },
    refuse: (reason) => {
      answer(response, reason === 'too-long' && attempts > 0 ? 502 : 503);
    },
  };

  const failed = (error: Error, sent: boolean): void => {
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

function isRepeatable({ request, upgrade }: Exchange): boolean {
  return upgrade === undefined && REPEATABLE.includes(request.method ?? '') && !hasBody(request);
}

function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/** Sends the exchange to the new side once; `failed` is called when nothing was answered, and whether something was sent. */
function forward(
  exchange: Exchange,
  options: ForwardOptions,
  attempt: { shared: boolean; through: () => void; failed: (error: Error, sent: boolean) => void },
): ClientRequest | undefined {
  const { request, response, upgrade } = exchange;
  let [connected, answered] = [false, false];
  let tooLong: NodeJS.Timeout | undefined;
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

  function begin({ target, headers }: Route): ClientRequest | undefined {
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

interface Route {
  target: Target;
  headers: HeaderList;
}

/** Where to, and with which headers; `undefined` when there is nowhere to go. */
function routeOf({ request, upgrade }: Exchange, options: ForwardOptions): Route | undefined {
  const targetHost = request.headers.host ?? '';
  const { toSuccessor } = options;
  const headers = toSuccessor ? successorHeaders(request) : requestHeaders(request, options);
  if (headers === undefined || (toSuccessor && !URL.canParse(`https://${targetHost}`))) return undefined;
  headers.delete('expect');
  if (upgrade !== undefined) {
    put(headers, 'Connection', 'Upgrade');
    put(headers, 'Upgrade', request.headers.upgrade ?? '');
  }
  return { target: toSuccessor ? new Target({ targetHost }) : options.target, headers };
}

/** The body flows only now, at the pace at which the new side takes it. */
function passBody({ request, response, expectsContinue }: Exchange, outgoing: ClientRequest): void {
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

function passAnswer(
  incoming: IncomingMessage,
  outgoing: ClientRequest,
  { request, response }: Exchange,
): void {
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
function passUpgrade(
  incoming: IncomingMessage,
  theirs: { socket: Duplex; head: Buffer },
  { response }: Exchange,
  ours: { socket: Duplex; head: Buffer },
): void {
  const lines = [`HTTP/1.1 ${incoming.statusCode ?? 101} ${incoming.statusMessage ?? ''}`];
  for (let at = 0; at + 1 < incoming.rawHeaders.length; at += 2)
    lines.push(`${incoming.rawHeaders[at] ?? ''}: ${incoming.rawHeaders[at + 1] ?? ''}`);
  response.detachSocket(ours.socket as never);
  ours.socket.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'));
  if (theirs.head.length > 0) ours.socket.write(theirs.head);
  if (ours.head.length > 0) theirs.socket.write(ours.head);
  join(ours.socket, theirs.socket);
  join(theirs.socket, ours.socket);
}

function join(from: Duplex, to: Duplex): void {
  from.on('error', () => undefined);
  from.once('close', () => to.destroy());
  from.pipe(to);
}

function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ''] as [string, string]] : []));
}
