import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RefusingProxy {
  readonly url: string;
  /** Every path that was asked for, without its query. */
  readonly asked: string[];
  /** From now on GETs of this path get that answer instead; `undefined`: none do. */
  refuse(path: string | undefined, status?: 403 | 404 | 500): void;
  close(): void;
}

/** Stands before a played Heroku and refuses what it is told to, as a token without the right would be. */
export async function refusingProxy(target: string): Promise<RefusingProxy> {
  const asked: string[] = [];
  let refused: string | undefined;
  let status = 403;
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    asked.push(path);
    if (path === refused) {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ id: status === 403 ? 'forbidden' : 'not_found', message: 'played' }));
      return;
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).flatMap(([name, value]) =>
        typeof value === 'string' && name !== 'host' && name !== 'connection' ? [[name, value]] : [],
      ),
    );
    fetch(`${target}${request.url ?? '/'}`, { headers })
      .then(async (answer) => {
        const body = Buffer.from(await answer.arrayBuffer());
        const next = answer.headers.get('next-range');
        response.writeHead(answer.status, {
          'content-type': answer.headers.get('content-type') ?? '',
          ...(next === null ? {} : { 'next-range': next }),
        });
        response.end(body);
      })
      .catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    refuse: (path, with_ = 403) => {
      refused = path;
      status = with_;
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
