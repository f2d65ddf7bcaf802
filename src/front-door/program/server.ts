import { createServer, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { answer } from './answers.ts';
import { serve, type Exchange, type ForwardOptions } from './forward.ts';
import { log, nameOf } from './log.ts';
import { readSettings } from './settings.ts';
import { followRow, type State } from './state-row.ts';
import { Target } from './target.ts';
import { Waiting } from './waiting.ts';

/**
 * The forwarder of the traffic mode front-door, which runs on the Heroku app in place of the application's own code. It
 * lets requests wait until the new side is open, and then passes them on. See docs/front-door.md.
 */
const settings = readSettings(new URL('front-door.json', import.meta.url));
const waiting = new Waiting(settings.waitingLimit);
const options: ForwardOptions = {
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
const upgraded = new Set<Socket>();

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
server.on('upgrade', (request, socket: Socket, head) => {
  upgraded.add(socket);
  socket.once('close', () => upgraded.delete(socket));
  socket.on('error', () => undefined);
  // For the case that the answer is none: a refusal of ours, or one of the new side's.
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => socket.end());
  socket.once('close', () => response.destroy());
  const exchange: Exchange = { request, response, upgrade: { socket, head } };
  const { 'content-length': length, 'transfer-encoding': chunked } = request.headers;
  if (chunked !== undefined || (length !== undefined && length !== '0')) answer(response, 400);
  else serve(exchange, options);
});
server.on('clientError', (_error, socket) => {
  if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
  else socket.destroy();
});

server.on('error', (error) => {
  log(`cannot listen (${nameOf(error)})`);
  process.exit(1);
});

let since = performance.now();
let known: State | undefined;

function obey(state: State): void {
  if (state === known) return;
  const seconds = ((performance.now() - since) / 1000).toFixed(1);
  log(
    state === 'hold'
      ? 'holds'
      : `forwards to ${settings.targetHost} after ${seconds} s, ${waiting.length} waited`,
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
  log(`ends: finishes what it has begun, ${waiting.length} wait`);
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
  log(`met something unexpected (${nameOf(error)})`);
});
