import type { IncomingMessage, ServerResponse } from 'node:http';

/** What the forwarder itself answers; everything else is the new side's. */
const TEXTS: Record<number, string> = {
  400: 'This request could not be understood.',
  502: 'The server could not be reached. Please try again in a few seconds.',
  503: 'This site is being moved and will be back in a few seconds. Please try again.',
  504: 'The server did not answer in time.',
};

const RETRY_AFTER_S = 5;

export function answer(response: ServerResponse, status: 400 | 502 | 503 | 504): void {
  if (response.headersSent || response.destroyed) {
    // What was begun cannot be taken back: a cut connection says that it is not the whole.
    response.destroy();
    return;
  }
  const text = `${TEXTS[status] ?? ''}\n`;
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
export function finish(response: ServerResponse): void {
  const { req: request, shouldKeepAlive } = response;
  if (request.complete || shouldKeepAlive) response.end();
  else request.once('close', () => response.end());
  discardRest(request);
}

/** How long a client may go on sending what nobody wants, as other servers have it ("lingering close"). */
const DISCARD_LIMIT_MS = 30_000;

/** Reads what is left of a request, so that the connection is free for the next one, or to be closed. */
function discardRest(request: IncomingMessage): void {
  if (request.complete) return;
  request.unpipe();
  request.resume();
  const cut = setTimeout(() => request.socket.destroy(), DISCARD_LIMIT_MS);
  request.once('close', () => {
    clearTimeout(cut);
  });
}
