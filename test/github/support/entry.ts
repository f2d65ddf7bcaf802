// An action's entry in small: what it does stands in the variable SCENARIO.
import { setTimeout as delay } from 'node:timers/promises';

import { ConfigurationError } from '../../../src/errors.ts';
import { runAction } from '../../../src/github/run.ts';

await runAction(
  async (edge) => {
    switch (process.env.SCENARIO) {
      case 'tell':
        await edge.log.group('A chapter', () => {
          edge.log.info(`token ${edge.inputs.secret('heroku-token')}`);
          return Promise.resolve();
        });
        edge.setOutput('outcome', 'done');
        edge.saveState('opened', 'cluster-1');
        await edge.summary('## All is well\n');
        break;
      case 'leak':
        edge.maskUrl('postgres://u:p%40ss%2Fword@db.example.com:5432/app');
        edge.log.info('decoded p@ss/word, written p%40ss%2Fword, other redis://:hunter22@cache:6379');
        await edge.summary('in a summary: p@ss/word');
        break;
      case 'hostile names': {
        const name = 'orders\n::add-mask::e\r\n::stop-commands::x\u2028::error::no ##[add-mask]e';
        edge.log.info(`Copied ${name}`);
        edge.log.info('  ::warning::not ours');
        edge.log.warning(name);
        edge.log.debug(name);
        await edge.log.group(name, () => Promise.resolve());
        throw new Error(`${name} is missing`);
      }
      case 'user error':
        throw new ConfigurationError(`The token ${edge.inputs.secret('heroku-token')} was refused.`);
      case 'own error':
        throw new Error('Undone.', { cause: new TypeError('x is not a function') });
      case 'undone user error':
        throw new Error('Undone.', { cause: new ConfigurationError('No such app.') });
      case 'large summary':
        await edge.summary(`<details>\n\n\`\`\`\n${'a line of text\n'.repeat(80_000)}\`\`\`\n\n</details>\n`);
        await edge.summary('one more');
        break;
      case 'wait':
        edge.log.info('waiting');
        await delay(60_000, undefined, { signal: edge.signal }).catch(() => undefined);
        edge.signal.throwIfAborted();
        break;
      case 'left open':
        setInterval(() => undefined, 1000);
        break;
    }
  },
  (edge) => {
    edge.log.info(`post closes ${edge.getState('opened')}`);
    return process.env.SCENARIO === 'post fails'
      ? Promise.reject(new Error('gone already'))
      : Promise.resolve();
  },
);
