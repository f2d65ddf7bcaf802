import type { TokenPermissions } from '../github/world.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { Permissions } from './workflow-file.ts';

const scopes = [
  'actions',
  'attestations',
  'checks',
  'contents',
  'deployments',
  'id-token',
  'issues',
  'packages',
  'pull-requests',
];

/** What GitHub gives a token where a workflow says nothing (the restricted default). */
export const defaultPermissions: TokenPermissions = { contents: 'read', packages: 'read' };

/** The grants that a `permissions:` block means; everything that it does not name is none. */
export function grantsOf(permissions: Permissions): TokenPermissions {
  if (permissions === 'read-all' || permissions === 'write-all') {
    const level = permissions === 'read-all' ? 'read' : 'write';
    return Object.fromEntries(scopes.map((scope) => [scope, level]));
  }
  return Object.fromEntries(
    Object.entries(permissions).flatMap(([scope, level]) => (level === 'none' ? [] : [[scope, level]])),
  );
}

/** A called workflow's job may not have more than its caller; GitHub refuses to start such a run. */
export function refuseMoreThan(caller: TokenPermissions, wanted: TokenPermissions, job: string): void {
  for (const [scope, level] of Object.entries(wanted)) {
    const allowed = caller[scope];
    if (allowed === 'write' || allowed === level) continue;
    throw new ConfigurationError(
      `The nested job '${job}' is requesting '${scope}: ${level}', but is only allowed '${scope}: ${allowed ?? 'none'}'.`,
    );
  }
}
