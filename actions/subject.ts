import { readFile } from 'node:fs/promises';

import { ConfigurationError } from '../src/errors.ts';
import type { Edge } from '../src/github/run.ts';
import type { EnvironmentConfig, MigrationConfig } from '../src/migration/config.ts';
import { configFor, environmentOf, parseMigrationConfig } from '../src/migration/config.ts';
import type { MigrationRecord, Phase } from '../src/migration/record.ts';
import { addSection, openRecord, writeRecord } from '../src/migration/record.ts';
import { configOfThrowAway } from '../src/migration/throw-away.ts';

/** What a run is about: the user's decisions as they hold for one environment, and the record of what was done so far. */
export interface Subject {
  config: MigrationConfig;
  environment: EnvironmentConfig;
  recordPath: string;
  record: MigrationRecord;
}

/** Reads `migration.yml` and the record. Throws a ConfigurationError before anything else is touched. */
export async function readSubject(edge: Edge): Promise<Subject> {
  const { config, environment } = await readDeclared(edge);
  return openSubject(edge, config, environment);
}

/** What migration.yml says of the environment that is asked for; ConfigurationError when there is no such file. */
export async function readDeclared(
  edge: Edge,
): Promise<{ config: MigrationConfig; environment: EnvironmentConfig }> {
  const config = await readConfig(edge);
  if (config === undefined) {
    throw new ConfigurationError(
      `There is no ${edge.inputs.required('config')} in this checkout. Add one (docs/migration-yml.md shows it) or name it with the input config.`,
    );
  }
  return { config, environment: environmentOf(config, edge.inputs.required('environment')) };
}

/** migration.yml, or `undefined` while there is none; ConfigurationError when it cannot be read or understood. */
export async function readConfig(edge: Edge): Promise<MigrationConfig | undefined> {
  const path = edge.inputs.required('config');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const code = (error as NodeJS.ErrnoException).code ?? 'no reason given';
    if (code === 'ENOENT') return undefined;
    throw new ConfigurationError(`${path} cannot be read (${code}). Correct the input config.`);
  });
  return text === undefined ? undefined : parseMigrationConfig(text, path);
}

/** With the record of what was done so far; ConfigurationError when it is that of another migration. */
export async function openSubject(
  edge: Edge,
  config: MigrationConfig,
  environment: EnvironmentConfig,
): Promise<Subject> {
  const recordPath = edge.inputs.required('record');
  const record = await openRecord(recordPath, {
    migrationId: environment.migrationId,
    application: config.application,
    environment: environment.name,
  });
  const own = configFor(config, environment);
  return {
    config: environment.throwAway === undefined ? own : configOfThrowAway(own),
    environment,
    recordPath,
    record,
  };
}

/** Says what this version cannot do yet, before anything is changed. */
export function refuseUnsupported({ config, environment }: Subject): void {
  if (environment.domains.length > 0 && config.dns === undefined) {
    throw new ConfigurationError(
      `${environment.name} has domains, and migration.yml does not say who serves their zone. Add a \`dns\` section. Nothing was changed.`,
    );
  }
}

/** Adds a phase's section to the record, writes it and names it in the outputs. */
export async function recordPhase(
  edge: Edge,
  subject: Subject,
  phase: Phase,
  data: { outcome: string; changed: boolean } & Record<string, unknown>,
): Promise<MigrationRecord> {
  const record = addSection(subject.record, phase, { at: edge.clock.now(), run: edge.environment, data });
  await writeRecord(subject.recordPath, record);
  subject.record = record;
  edge.setOutput('record', subject.recordPath);
  edge.setOutput('outcome', data.outcome);
  edge.setOutput('changed', data.changed);
  return record;
}
