import { ApiError } from './api-error.ts';
import type { Issue } from './issue-routes.ts';
import { numberOf } from './number-of.ts';
import type { Repository } from './repository.ts';
import type { Settings } from './settings.ts';
import type { Approval, EnvironmentRules, RunFacts, TokenPermissions } from './world.ts';

/** What the routes look at and change. */
export interface ApiState {
  url: string;
  name: string;
  defaultBranch: string;
  repository: Repository;
  environments: Map<string, EnvironmentRules>;
  runs: Map<number, RunFacts>;
  approvals: Map<number, Approval[]>;
  variables: Map<string, string>;
  settings: Settings;
  issues: Issue[];
  artifacts(runId: number): string;
  /** Folders of artifacts by their number, as far as somebody has listed them. */
  listed: Map<number, string>;
  /** When each environment and run came to be. */
  createdAt: Date;
}

export interface ApiRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
  permissions: TokenPermissions;
}

export interface ApiAnswer {
  status: number;
  body?: unknown;
  /** Sent as it is, instead of JSON. */
  raw?: Buffer;
  headers?: Record<string, string>;
}

export type Handler = (state: ApiState, request: ApiRequest, parts: string[]) => ApiAnswer;

export interface Route {
  method: string;
  pattern: RegExp;
  /** The permission of the job's token that GitHub asks for; none = any valid token. */
  needs?: [scope: string, level: 'read' | 'write'];
  handle: Handler;
}

export const ok = (body: unknown): ApiAnswer => ({ status: 200, body });

export function route(method: string, path: string, needs: Route['needs'], handle: Handler): Route {
  return { method, pattern: new RegExp(`^${path}$`, 'u'), handle, ...(needs ? { needs } : {}) };
}

export function user(login: string) {
  return { login, id: numberOf(login), type: 'User' };
}

/** GitHub's pages: 30 unless asked for up to 100. */
export function page<T>(items: T[], query: URLSearchParams): T[] {
  const size = Math.min(Number(query.get('per_page') ?? 30), 100);
  const from = (Number(query.get('page') ?? 1) - 1) * size;
  return items.slice(from, from + size);
}

export function optionalText(body: unknown, key: string): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const value = (body as Record<string, unknown>)[key];
  return typeof value === 'string' ? value : undefined;
}

export function text(body: unknown, key: string): string {
  const value = optionalText(body, key);
  if (value === undefined) throw new ApiError(422, `Invalid request.\n\n"${key}" wasn't supplied.`);
  return value;
}
