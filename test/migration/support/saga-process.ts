// The small cutover in a process of its own, which kills itself at the nth edge:
// `node saga-process.ts <database url> <edge to die at> [name of the step that fails]`.
import { runSmallCutover } from './small-cutover.ts';

const [url = '', dieAt = '', failing = ''] = process.argv.slice(2);
let edge = 0;
await runSmallCutover({
  url,
  attempt: 1,
  failing,
  onEdge: (place) => {
    edge += 1;
    if (edge !== Number(dieAt)) return;
    process.stdout.write(`died at ${place}\n`);
    process.kill(process.pid, 'SIGKILL');
  },
});
process.stdout.write(`survived ${edge} edges\n`);
