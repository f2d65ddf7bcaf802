import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, Server } from 'node:http';

/** A request as one of this process's HTTP servers received it. */
export interface Received {
  /** Of the server; 0 for one that listens at a path of this machine. */
  port: number;
  /** The line, the headers and the body, in latin1. */
  text: string;
}

/** Everything that every HTTP server of this process is sent from now on: whoever plays whom, nobody is left out. */
export function keepReceived(): { received: Received[]; stop: () => void } {
  const received: Received[] = [];
  const keep = (message: unknown): void => {
    const { request, server } = message as { request: IncomingMessage; server: Server };
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { method = '', url = '', rawHeaders } = request;
    const one: Received = { port, text: `${method} ${url}\n${rawHeaders.join('\n')}\n\n` };
    received.push(one);
    // The body as it comes, without reading it in the place of the server.
    const push = request.push.bind(request);
    request.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (Buffer.isBuffer(chunk)) one.text += chunk.toString('latin1');
      return push(chunk, encoding);
    };
  };
  subscribe('http.server.request.start', keep);
  return { received, stop: () => unsubscribe('http.server.request.start', keep) };
}
