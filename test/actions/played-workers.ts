import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An App Platform that knows one app with one worker, and notes what it was told to start anew. */
export interface PlayedWorkers {
  apiUrl: string;
  /** Components of each restart. */
  restarts: string[][];
  /** Every request that changes something, as `POST /v2/apps/a1/restart`. */
  changes: string[];
  close: () => void;
}

export async function playWorkers(appName: string): Promise<PlayedWorkers> {
  const restarts: string[][] = [];
  const changes: string[] = [];
  const app = { id: 'a1', spec: { name: appName, workers: [{ name: 'worker' }] } };
  const deployment = { id: 'd1', phase: 'ACTIVE' };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      const path = new URL(request.url ?? '', 'http://localhost').pathname;
      if (request.method !== 'GET') changes.push(`${request.method ?? ''} ${path}`);
      if (request.method === 'POST' && path === '/v2/apps/a1/restart')
        restarts.push((JSON.parse(body) as { components: string[] }).components);
      const answer = path === '/v2/apps' ? { apps: [app], links: {}, meta: { total: 1 } } : { deployment };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return { apiUrl: `http://127.0.0.1:${port}`, restarts, changes, close: () => server.close() };
}
