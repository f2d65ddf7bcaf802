import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onlyReads } from '../support/only-reads.ts';

/** An App Platform that knows one app with one worker, and notes what it was told to start anew. */
export interface PlayedWorkers {
  apiUrl: string;
  /** Components of each restart. */
  restarts: string[][];
  /** Every request that changes something, as `POST /v2/apps/a1/restart`. */
  changes: string[];
  /** How it answers whether its token may change the app. */
  mayChange: { status: number };
  close: () => void;
}

export async function playWorkers(appName: string): Promise<PlayedWorkers> {
  const restarts: string[][] = [];
  const changes: string[] = [];
  const mayChange = { status: 200 };
  const deployment = { id: 'd1', phase: 'ACTIVE' };
  const spec = { name: appName, workers: [{ name: 'worker' }] };
  const app = { id: 'a1', spec, active_deployment: deployment };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      const path = new URL(request.url ?? '', 'http://localhost').pathname;
      const method = request.method ?? '';
      if (!onlyReads({ method, path })) changes.push(`${method} ${path}`);
      if (path.endsWith('/rollback/validate')) response.statusCode = mayChange.status;
      if (method === 'POST' && path === '/v2/apps/a1/restart')
        restarts.push((JSON.parse(body) as { components: string[] }).components);
      const answer = path === '/v2/apps' ? { apps: [app], links: {}, meta: { total: 1 } } : { deployment };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return { apiUrl: `http://127.0.0.1:${port}`, restarts, changes, mayChange, close: () => server.close() };
}
