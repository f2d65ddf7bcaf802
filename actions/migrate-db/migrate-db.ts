import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { Subject } from '../subject.ts';
import { refuseUnsupported } from '../subject.ts';
import { readSubjectOrThrowAway } from '../throw-away.ts';
import { catchUpCommand } from './catch-up.ts';
import { copyShareCommand } from './copy-share.ts';
import { copyCommand } from './copy.ts';
import { readShard } from './shard.ts';
import { uninstallCommand } from './uninstall.ts';

/** What each command promises stands with it. */
const COMMANDS: Record<'copy' | 'catch-up' | 'uninstall', (edge: Edge, subject: Subject) => Promise<void>> = {
  copy: copyCommand,
  'catch-up': catchUpCommand,
  uninstall: uninstallCommand,
};

/**
 * Copies both stores to the new side while the old one serves (`copy`, which several runners may share), keeps a live copy
 * in step (`catch-up`), and removes from Heroku what that needed (`uninstall`).
 */
export async function migrateDb(edge: Edge): Promise<void> {
  const command = edge.inputs.choice('command', ['copy', 'catch-up', 'uninstall']);
  const runner = readShard(edge);
  if (command !== 'copy' && runner.shards > 1)
    throw new ConfigurationError(
      `The input shard is for \`command: copy\`; \`${command}\` is the work of one runner. Leave it out. Nothing was changed.`,
    );
  const subject = await readSubjectOrThrowAway(edge);
  refuseUnsupported(subject);
  if (runner.shard > 1) {
    await copyShareCommand(edge, subject, runner);
    return;
  }
  await COMMANDS[command](edge, subject);
}
