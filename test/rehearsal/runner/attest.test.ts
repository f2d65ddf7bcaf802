import { expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { BuiltInContext } from '../../../rehearsal/runner/built-in.ts';
import { ownBuiltIns } from '../../../rehearsal/runner/own-built-ins.ts';
import { temporaryDirectory } from '../../../rehearsal/servers/process.ts';

/** The played attestation over a workspace; what it logged. */
async function attest(workspace: string, paths: string): Promise<string[]> {
  const lines: string[] = [];
  const context = { inputs: { 'subject-path': paths }, workspace, info: (line: string) => lines.push(line) };
  await ownBuiltIns['actions/attest-build-provenance']?.(context as unknown as BuiltInContext);
  return lines;
}

test('the played attestation names the digest of each file, and signs nothing', async () => {
  const workspace = temporaryDirectory('attest');
  writeFileSync(join(workspace, 'migration-record.json'), '{}\n');
  writeFileSync(join(workspace, 'migration-evidence.html'), '');
  expect(await attest(workspace, 'migration-record.json\nmigration-evidence.html\n')).toEqual([
    'Played: no attestation is made on one machine; migration-record.json has sha256:ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356.',
    'Played: no attestation is made on one machine; migration-evidence.html has sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.',
  ]);
});

test('without a file to sign it fails, as the real one does', async () => {
  await expect(attest(temporaryDirectory('attest'), 'migration-record.json')).rejects.toThrow(
    'Could not find subject at path migration-record.json',
  );
});
