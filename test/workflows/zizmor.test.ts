import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { readWorkflow } from '../../rehearsal/runner/workflow-file.ts';
import {
  downloadedByPip,
  had,
  prepared,
  requireX64,
  unpackedWheel,
  type Available,
} from '../../rehearsal/servers/pinned-downloads.ts';
import { silentLog } from '../../src/log.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';

// What audit.yml asks on GitHub, asked here: the same program over the same files, without the questions that need a network.
const root = join(import.meta.dirname, '..', '..');
const wheel = {
  name: 'zizmor',
  version: '1.32.0',
  sha256: '84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071',
};

function zizmor(): Promise<Available<string>> {
  return had(async () => {
    requireX64();
    const options = { log: silentLog };
    const directory = await prepared(`zizmor-${wheel.version}`, options, async (workplace) => {
      const unpacked = join(workplace, 'root');
      await unpackedWheel(await downloadedByPip(wheel, workplace, options), unpacked, options);
      chmodSync(join(unpacked, `zizmor-${wheel.version}.data/scripts/zizmor`), 0o755);
      return unpacked;
    });
    return join(directory, `zizmor-${wheel.version}.data/scripts/zizmor`);
  });
}

const program = await inFullRun(zizmor);

testNeeding(
  [program],
  'zizmor, as strict as it can be, finds nothing in the workflows, the actions and the examples',
  () => {
    const { jobs } = readWorkflow(join(root, '.github/workflows/audit.yml'), root);
    const { inputs, persona } =
      jobs.workflows?.steps?.find(({ uses }) => uses?.startsWith('zizmorcore/'))?.with ?? {};
    const words = [
      '--offline',
      '--no-progress',
      '--persona',
      String(persona),
      ...String(inputs).trim().split(/\s+/),
    ];
    const { status, stdout, stderr } = spawnSync(foundIn(program), words, { cwd: root, encoding: 'utf8' });
    expect([status, stdout.trim()]).toEqual([0, expect.stringMatching(/^No findings to report/)]);
    expect(stderr).toContain('completed examples/migrate.yml');
    return Promise.resolve();
  },
);
