import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { request, type RequestListener } from 'node:http';
import { createAuthority } from '../../../rehearsal/servers/certificates.ts';
import { startForwardProxy } from '../../../rehearsal/servers/forward-proxy.ts';

export interface PublicHost {
  hostName: string;
  proxyUrl: string;
  caPem: string;
  /** Connections that were opened, by client. */
  opened: Record<string, number>;
  /** What the router does with a request; may be replaced at any time. */
  serve: RequestListener;
  close(): Promise<void>;
}

/** A public host name behind the forward proxy, with a certificate and a router in front of whatever `serve` is. */
export async function publicHost(hostName: string): Promise<PublicHost> {
  const authority = await createAuthority('Test authority');
  const { certificate, key } = await authority.issue([hostName]);
  const router = createServer({ cert: certificate, key }, (incoming, response) =>
    host.serve(incoming, response),
  );
  await new Promise<void>((resolve) => router.listen(0, '127.0.0.1', resolve));
  const { port } = router.address() as AddressInfo;
  const opened: Record<string, number> = {};
  const proxy = await startForwardProxy({
    resolve: (name, _port, clientId) => {
      opened[clientId] = (opened[clientId] ?? 0) + 1;
      return name === hostName ? { host: '127.0.0.1', port } : undefined;
    },
  });
  const host: PublicHost = {
    hostName,
    proxyUrl: proxy.url,
    caPem: authority.pem,
    opened,
    serve: (_incoming, response) => response.writeHead(503).end(),
    close: async () => {
      await proxy.close();
      router.closeAllConnections();
      await new Promise((resolve) => router.close(resolve));
    },
  };
  return host;
}

/** Passes requests on to a web process. */
export function passTo(url: string): RequestListener {
  return (incoming, response) => {
    const upstream = request(new URL(incoming.url ?? '/', url), {
      method: incoming.method,
      headers: incoming.headers,
    });
    upstream.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    upstream.on('error', () => response.writeHead(503).end());
    incoming.pipe(upstream);
  };
}
