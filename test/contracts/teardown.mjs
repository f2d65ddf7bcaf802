import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { judgeAsked } from './judge.ts';

/** After the last test: whatever our clients asked, and whatever was answered, is as the platforms describe it. */
export default function tearDown() {
  const file = process.env.REHEARSAL_ASKED;
  if (file === undefined) return;
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  rmSync(dirname(file), { recursive: true, force: true });
  const { told, problems } = judgeAsked(lines.map((line) => JSON.parse(line)));
  if (told !== '') process.stderr.write(`\n${told}\n`);
  if (problems.length === 0) return;
  process.stderr.write(`${problems.map((problem) => `  ${problem}`).join('\n')}\n`);
  throw new Error(
    `${problems.length} of the requests to the played platforms are not as they should be (above).`,
  );
}
