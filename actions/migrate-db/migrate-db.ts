import type { Edge } from '../../src/github/run.ts';
import type { Subject } from '../subject.ts';
import { refuseUnsupported } from '../subject.ts';
import { readSubjectOrThrowAway } from '../throw-away.ts';
import { catchUpCommand } from './catch-up.ts';
import { copyCommand } from './copy.ts';
import { uninstallCommand } from './uninstall.ts';

/** What each command promises stands with it. */
const COMMANDS: Record<'copy' | 'catch-up' | 'uninstall', (edge: Edge, subject: Subject) => Promise<void>> = {
  copy: copyCommand,
  'catch-up': catchUpCommand,
  uninstall: uninstallCommand,
};

/**
 * Copies both stores to the new side while the old one serves (`copy`), keeps a live copy in step (`catch-up`), and
 * removes from Heroku what that needed (`uninstall`).
 */
export async function migrateDb(edge: Edge): Promise<void> {
  const command = edge.inputs.choice('command', ['copy', 'catch-up', 'uninstall']);
  const subject = await readSubjectOrThrowAway(edge);
  refuseUnsupported(subject);
  await COMMANDS[command](edge, subject);
}
