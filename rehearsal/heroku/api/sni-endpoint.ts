import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { z } from 'zod';
import { findNamed } from '../catalogue.ts';
import { born, type App, type Platform, type SniEndpoint } from '../platform.ts';
import { appIdentity } from './app.ts';
import { bodyOf } from './body.ts';
import { invalid, notFound } from './refusal.ts';
import { change, list, read, type Call, type Route } from './route.ts';
import { time, times } from './view.ts';

/** Certificates on the router. The private key goes in and never comes out. */
export const sniEndpointRoutes: Route[] = [
  list('/apps/:app/sni-endpoints', ({ app }) => app.sniEndpoints.map((one) => endpointView(app, one)), {
    ranges: ['id', 'name'],
  }),
  read('/apps/:app/sni-endpoints/:endpoint', (call) => endpointView(call.app, endpointOf(call))),
  change('POST', '/apps/:app/sni-endpoints', addEndpoint, { status: 201 }),
  change('PATCH', '/apps/:app/sni-endpoints/:endpoint', replaceCertificate),
  change('DELETE', '/apps/:app/sni-endpoints/:endpoint', removeEndpoint),
];

export function createEndpoint(platform: Platform, chain: string, key: string): SniEndpoint {
  return { ...born(platform), name: `alpaca-${platform.ids.digits(5)}`, chain, key };
}

function addEndpoint(call: Call): unknown {
  const { chain, key } = certificateOf(call);
  const endpoint = createEndpoint(call.platform, chain, key);
  call.app.sniEndpoints.push(endpoint);
  return endpointView(call.app, endpoint);
}

function replaceCertificate(call: Call): unknown {
  const endpoint = endpointOf(call);
  Object.assign(endpoint, certificateOf(call), { updatedAt: new Date() });
  return endpointView(call.app, endpoint);
}

function removeEndpoint(call: Call): unknown {
  const endpoint = endpointOf(call);
  call.app.sniEndpoints = call.app.sniEndpoints.filter((one) => one !== endpoint);
  for (const domain of call.app.domains) if (domain.sniEndpoint === endpoint) domain.sniEndpoint = undefined;
  return endpointView(call.app, endpoint);
}

function certificateOf(call: Call): { chain: string; key: string } {
  const body = bodyOf(call, z.object({ certificate_chain: z.string(), private_key: z.string() }));
  try {
    createSecureContext({ cert: body.certificate_chain, key: body.private_key });
  } catch {
    throw invalid('The certificate and the private key do not belong together, or one of them is not PEM.');
  }
  return { chain: body.certificate_chain, key: body.private_key };
}

function endpointOf({ app, params }: Call): SniEndpoint {
  const endpoint = findNamed(app.sniEndpoints, params['endpoint'] ?? '');
  if (!endpoint) throw notFound('SNI endpoint');
  return endpoint;
}

function endpointView(app: App, endpoint: SniEndpoint): unknown {
  const certificate = new X509Certificate(endpoint.chain);
  return {
    certificate_chain: endpoint.chain,
    ...times(endpoint),
    id: endpoint.id,
    name: endpoint.name,
    display_name: null,
    domains: app.domains.filter((one) => one.sniEndpoint === endpoint).map(({ id }) => id),
    app: appIdentity(app),
    ssl_cert: {
      'ca_signed?': certificate.issuer !== certificate.subject,
      cert_domains: (certificate.subjectAltName ?? '').split(', ').map((name) => name.replace(/^DNS:/, '')),
      expires_at: time(new Date(certificate.validTo)),
      issuer: certificate.issuer,
      'self_signed?': certificate.issuer === certificate.subject,
      starts_at: time(new Date(certificate.validFrom)),
      subject: certificate.subject,
      id: endpoint.id,
    },
  };
}
