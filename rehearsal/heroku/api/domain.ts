import { z } from 'zod';
import { findNamed } from '../catalogue.ts';
import { born, type App, type Domain } from '../platform.ts';
import { appIdentity } from './app.ts';
import { bodyOf } from './body.ts';
import { invalid, notFound } from './refusal.ts';
import { change, list, read, type Call, type Route } from './route.ts';
import { identity, times } from './view.ts';

/** Domains: https://devcenter.heroku.com/articles/platform-api-reference#domain */
export const domainRoutes: Route[] = [
  list('/apps/:app/domains', ({ app }) => app.domains.map((one) => domainView(app, one)), {
    ranges: ['id', 'hostname'],
  }),
  read('/apps/:app/domains/:domain', (call) => domainView(call.app, domainOf(call))),
  change('POST', '/apps/:app/domains', addDomain, { status: 201 }),
  change('PATCH', '/apps/:app/domains/:domain', setEndpoint),
  change('DELETE', '/apps/:app/domains/:domain', removeDomain),
];

function addDomain(call: Call): unknown {
  const { platform, app } = call;
  const body = bodyOf(
    call,
    z.object({
      hostname: z.string().regex(/^(\*\.)?([a-z0-9-]+\.)+[a-z0-9-]+$/i),
      sni_endpoint: z.string().nullish(),
    }),
  );
  const hostname = body.hostname.toLowerCase();
  if (platform.apps.some(({ domains }) => domains.some((one) => one.hostname === hostname))) {
    throw invalid(`${hostname} is currently in use by another app.`);
  }
  const domain: Domain = {
    ...born(platform),
    hostname,
    kind: 'custom',
    cname: `${hostname.replace(/^\*\./, '')}.${platform.ids.hex(12)}.herokudns.com`,
    sniEndpoint: body.sni_endpoint ? findNamed(app.sniEndpoints, body.sni_endpoint) : undefined,
  };
  app.domains.push(domain);
  return domainView(app, domain);
}

function setEndpoint(call: Call): unknown {
  const { app } = call;
  const domain = domainOf(call);
  const body = bodyOf(call, z.object({ sni_endpoint: z.string().nullable() }));
  const endpoint = body.sni_endpoint === null ? undefined : findNamed(app.sniEndpoints, body.sni_endpoint);
  if (body.sni_endpoint !== null && !endpoint) throw notFound('SNI endpoint');
  Object.assign(domain, { sniEndpoint: endpoint, updatedAt: new Date() });
  return domainView(app, domain);
}

function removeDomain(call: Call): unknown {
  const domain = domainOf(call);
  if (domain.kind === 'heroku') throw invalid('The Heroku domain of an app cannot be removed.');
  call.app.domains = call.app.domains.filter((one) => one !== domain);
  return domainView(call.app, domain);
}

function domainOf({ app, params }: Call): Domain {
  const wanted = params['domain'] ?? '';
  const domain = app.domains.find(({ id, hostname }) => id === wanted || hostname === wanted.toLowerCase());
  if (!domain) throw notFound('domain');
  return domain;
}

function domainView(app: App, domain: Domain): unknown {
  const managed = domain.kind === 'custom' && app.acm;
  return {
    acm_status: managed ? (domain.sniEndpoint ? 'cert issued' : 'pending') : null,
    acm_status_reason: null,
    app: appIdentity(app),
    cname: domain.cname,
    ...times(domain),
    hostname: domain.hostname,
    id: domain.id,
    kind: domain.kind,
    status: domain.kind === 'custom' ? 'succeeded' : 'none',
    sni_endpoint: domain.sniEndpoint ? identity(domain.sniEndpoint) : null,
  };
}
