import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import {
  CannotBeHad,
  had,
  packedByNpm,
  prepared,
  type Available,
  type DownloadOptions,
  type Pinned,
} from './pinned-downloads.ts';

const run = promisify(execFile);

/** The newest of the two majors that can be paused from outside. */
const versions: Record<5 | 6, Pinned> = {
  5: {
    name: 'bullmq',
    version: '5.81.5',
    sha256: 'cda4eb5a71bd6ec51e9cec17e76588d039a40d7e222e3537b051aa2d2429831a',
  },
  6: {
    name: 'bullmq',
    version: '6.7.0',
    sha256: '1b9e166ff4c77ecbb75c15f0e2afc3bdce7aaf3789f4701b45ed0483dcbadb04',
  },
};

/** What BullMQ 6 leaves to its user to install. */
const CLIENT = 'ioredis@5.11.1';

/** The real BullMQ of this major version, downloaded by npm into our cache: the directory that holds it installed. */
export function bullmqOfMajor(major: 5 | 6, options: DownloadOptions): Promise<Available<string>> {
  return had(() =>
    prepared(`bullmq-${versions[major].version}`, options, async (workplace) => {
      const archive = await packedByNpm(versions[major], workplace, options);
      const root = join(workplace, 'root');
      mkdirSync(root);
      writeFileSync(join(root, 'package.json'), '{"private":true}');
      const words = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--silent', archive, CLIENT];
      try {
        await run('npm', words, {
          cwd: root,
          env: options.environment ?? process.env,
          timeout: 300_000,
        });
      } catch (error) {
        throw new CannotBeHad(`npm could not install it: ${messageOf(error).slice(0, 300)}`);
      }
      return root;
    }),
  );
}
