import type pg from 'pg';

import { codeOf } from '../../src/postgres/errors.ts';
import { messageOf } from '../../src/errors.ts';
import { Disproved } from './outcome.ts';

/** Connections, resources and operator intervention (PostgreSQL manual, appendix A): they say nothing about a right. */
const NO_ANSWER = /^(08|53|57|58)/;

/** Runs a statement that the claim says is allowed. @throws Disproved when the server refuses it */
export async function may(client: pg.Client, what: string, sql: string): Promise<void> {
  try {
    await client.query(sql);
  } catch (error) {
    if (!isAnswer(error)) throw error;
    throw new Disproved(`it may not ${what}: ${messageOf(error)} (${codeOf(error)})`);
  }
}

/** Runs one that must be refused with this SQLSTATE, or one of its class. @throws Disproved when it is not */
export async function mustNot(client: pg.Client, what: string, sql: string, states: RegExp): Promise<void> {
  try {
    await client.query(sql);
  } catch (error) {
    if (states.test(codeOf(error))) return;
    if (!isAnswer(error)) throw error;
    throw new Disproved(`${what} is refused for another reason than expected: ${messageOf(error)}`);
  }
  throw new Disproved(`${what} is not refused`);
}

function isAnswer(error: unknown): boolean {
  const code = codeOf(error);
  return /^[0-9A-Z]{5}$/.test(code) && !NO_ANSWER.test(code);
}
