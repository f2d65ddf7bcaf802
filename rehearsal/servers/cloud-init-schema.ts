import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';
import { cacheDirectory } from './cache-directory.ts';
import { fetchPackages } from './debian-packages.ts';
import type { Available } from './pinned-downloads.ts';

const run = promisify(execFile);

/** The real cloud-init, for `cloud-init schema`. */
export interface CloudInitSchema {
  /** For example `22.4.2`. */
  version: string;
  /** What it has against a file of user data; empty when nothing. */
  complaints: (file: string) => Promise<string>;
}

/**
 * The distribution's own package of cloud-init with the Python modules that it needs, unpacked into our cache: nothing
 * is installed and no root is needed. Where it cannot be had or does not run, it says why.
 */
export async function findCloudInitSchema(
  log: Log,
  cache = cacheDirectory(),
): Promise<Available<CloudInitSchema>> {
  try {
    const { directory } = await fetchPackages({
      packages: ['cloud-init'],
      needed: /^python3-/,
      check: [],
      cache,
      log,
    });
    return { found: await started(directory) };
  } catch (error) {
    return { missing: `the distribution's cloud-init cannot be had here: ${messageOf(error)}` };
  }
}

/** The distribution's own Python: its modules are built for that one. */
const PYTHON = '/usr/bin/python3';
const PROGRAM = 'import sys; from cloudinit.cmd.main import main; sys.exit(main())';

async function started(root: string): Promise<CloudInitSchema> {
  if (!existsSync(PYTHON)) throw new Error(`${PYTHON} is missing`);
  const environment = {
    PATH: process.env['PATH'] ?? '',
    LC_ALL: 'C.UTF-8',
    PYTHONPATH: join(root, 'usr/lib/python3/dist-packages'),
  };
  const cloudInit = (words: string[]): Promise<{ stdout: string; stderr: string }> =>
    run(PYTHON, ['-c', PROGRAM, ...words], { env: environment });
  const { stdout, stderr } = await cloudInit(['--version']);
  const version = /(\d+\.\d+(\.\d+)?)/.exec(stdout + stderr)?.[1];
  if (version === undefined) throw new Error(`it does not say its version: ${stdout}${stderr}`);
  return {
    version,
    complaints: async (file) => {
      try {
        const said = await cloudInit(['schema', '--config-file', file]);
        const all = said.stdout + said.stderr;
        return /^Valid (cloud-config|schema)/m.test(all) ? '' : all;
      } catch (error) {
        const { stdout: out = '', stderr: err = '' } = error as { stdout?: string; stderr?: string };
        return `${out}${err}` || messageOf(error);
      }
    },
  };
}
