import type { Asked } from '../../rehearsal/asked.ts';
import { Contract, hasContract } from '../rehearsal/digitalocean/openapi.ts';
import {
  dataContract,
  hasContracts,
  platformContract,
  platformRequests,
  type Contract as HerokuContract,
} from '../rehearsal/heroku/heroku-contract.ts';
import { keyOf, listedEndpoints, writeEndpoints } from './endpoints.ts';

export interface Judged {
  /** What was looked at, in a line; empty when nothing was asked. */
  told: string;
  /** One line each. */
  problems: string[];
}

/**
 * Holds what was asked of the played platforms, and what they answered, against the platforms' own descriptions where
 * those lie beside the project, and against docs/endpoints.md. `WRITE_ENDPOINTS=1` adds to that document what is missing.
 */
export function judgeAsked(asked: readonly Asked[]): Judged {
  if (asked.length === 0) return { told: '', problems: [] };
  const described = hasContract && hasContracts;
  const problems = new Set([...(described ? againstDescriptions(asked) : []), ...againstDocument(asked)]);
  const endpoints = new Set(asked.filter(({ ours }) => ours).map(keyOf)).size;
  const against = described
    ? 'held against the platforms’ own descriptions'
    : 'not held against their descriptions (skipped: ../shared/contracts does not lie beside the project)';
  return {
    told: `Asked of the played platforms: ${endpoints} endpoints, ${asked.length} shapes of requests and answers, ${against}.`,
    problems: [...problems].sort(),
  };
}

function againstDescriptions(asked: readonly Asked[]): string[] {
  const digitalOcean = new Contract();
  const heroku = { platform: platformContract(), data: dataContract(), requests: platformRequests() };
  return asked.flatMap((one) =>
    one.platform === 'digitalocean' ? againstDigitalOcean(digitalOcean, one) : againstHeroku(heroku, one),
  );
}

/**
 * Of every list, by the introduction of DigitalOcean's reference ("Links & Pagination"), whether or not the list's own
 * description says so again: those of databases do not, and DigitalOcean's own client (godo) pages them.
 */
const PAGING: readonly string[] = ['page', 'per_page'];

function againstDigitalOcean(contract: Contract, one: Asked): string[] {
  const { method, path, status, query = [], body, answer, ours, scope } = one;
  if (!contract.describes(method, path)) return [`${method} ${path} is not described by DigitalOcean`];
  return [
    ...contract.problemsOfAnswer(method, path, status, answer),
    ...(ours && status < 300
      ? contract
          .unknownParameters(method, path, query)
          .filter((name) => method !== 'GET' || !PAGING.includes(name))
          .map((name) => `${method} ${path} has no parameter ${name}`)
      : []),
    // What was refused may have been wrong.
    ...(ours && status < 300 && body !== undefined ? contract.problemsOfRequest(method, path, body) : []),
    ...(contract.scopesOf(method, path).includes(scope)
      ? []
      : [
          `${method} ${path} needs ${contract.scopesOf(method, path).join(', ')}, and is played with ${scope}`,
        ]),
  ];
}

function againstHeroku(
  contracts: Record<'platform' | 'data' | 'requests', HerokuContract>,
  { dialect, method, path, status, body, answer, ours }: Asked,
): string[] {
  if ((dialect !== 'platform' && dialect !== 'data') || status >= 300) return [];
  const problems = contracts[dialect](method, path)?.(answer) ?? [];
  const told = problems.map((problem) => `${method} ${path} ${status}: ${problem}`);
  if (dialect === 'data' || !ours) return told;
  const request = contracts.requests(method, path);
  if (request === undefined) return [...told, `${method} ${path} is not described by Heroku`];
  // What was refused may have been wrong.
  if (body === undefined) return told;
  return [...told, ...request(body).map((problem) => `${method} ${path} body: ${problem}`)];
}

/** With our client, too, but only by tests that prepare what an app has. */
const PREPARED_BY_TESTS = new Set(['POST /addon-attachments', 'POST /apps/:app/log-drains']);

function againstDocument(asked: readonly Asked[]): string[] {
  const listed = listedEndpoints();
  const known = new Set(listed.map(keyOf));
  const missing = new Map(
    asked
      .filter((one) => one.ours && !PREPARED_BY_TESTS.has(`${one.method} ${one.path}`))
      .filter((one) => !known.has(keyOf(one)))
      .map((one) => [keyOf(one), one]),
  );
  if (missing.size === 0) return [];
  if (process.env['WRITE_ENDPOINTS'] === '1') {
    writeEndpoints([...listed, ...missing.values()]);
    return [];
  }
  return [...missing.values()].map(
    ({ method, path, scope }) =>
      `${method} ${path} (${scope}) does not stand in docs/endpoints.md: run the test with WRITE_ENDPOINTS=1, and look at what it adds`,
  );
}
