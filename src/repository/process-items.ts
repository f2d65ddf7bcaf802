import { automatic, decide, idPart, type Item } from '../migration/item.ts';
import { readCommand, type CommandFacts } from './command.ts';
import type { ItemContext } from './item-context.ts';
import type { RepositoryProcess } from './read-repository.ts';

interface Process {
  name: string;
  facts: CommandFacts;
  where: string;
  scriptInFront: string | null;
}

/** The Procfile against what is deployed, and what each command means where only its first process is told to end. */
export function processItems(context: ItemContext): Item[] {
  return [...differences(context), ...processesOf(context).flatMap(itemsOf)];
}

/** What is deployed counts; the Procfile tells where it stands, and takes its place when the slug cannot be read. */
function processesOf({ facts, app }: ItemContext): Process[] {
  const inFile = new Map((facts.procfile?.processes ?? []).map((process) => [process.name, process]));
  const where = (process: RepositoryProcess | undefined): string =>
    process === undefined ? 'the deployed slug' : `${facts.procfile?.path ?? 'Procfile'}:${process.line}`;
  if (app.processTypes === null) {
    return [...inFile.values()].map((process) => ({
      name: process.name,
      facts: process,
      where: where(process),
      scriptInFront: process.scriptInFront,
    }));
  }
  return Object.entries(app.processTypes).map(([name, command]) => {
    const deployed = readCommand(name, command);
    const written = inFile.get(name);
    return {
      name,
      facts: deployed,
      where: where(written),
      scriptInFront:
        written !== undefined && written.script === deployed.script ? written.scriptInFront : null,
    };
  });
}

function differences({ facts, app }: ItemContext): Item[] {
  if (facts.procfile === null || app.processTypes === null) return [];
  const written = facts.procfile.processes.map(({ name }) => name);
  const deployed = Object.keys(app.processTypes);
  const onlyWritten = written.filter((name) => !deployed.includes(name));
  // Buildpacks add process types of their own, such as Ruby's `rake` and `console`.
  const onlyDeployed = deployed.filter(
    (name) => !written.includes(name) && !/^(rake|console|web)$/.test(name),
  );
  if (onlyWritten.length === 0 && onlyDeployed.length === 0) return [];
  return [
    decide({
      id: 'repository/procfile-differs',
      area: 'process',
      what: 'the Procfile of the checkout is not the deployed one',
      question: 'Which process types move?',
      options: ['those-deployed', 'deploy-this-checkout-first'],
      why: [
        onlyWritten.length > 0 ? `only in ${facts.procfile.path}: ${onlyWritten.join(', ')}` : '',
        onlyDeployed.length > 0 ? `only deployed: ${onlyDeployed.join(', ')}` : '',
      ]
        .filter((part) => part !== '')
        .join('; '),
      remedy: 'Deploy this checkout to Heroku, or check out what is deployed, and run assess again.',
    }),
  ];
}

const IN_FRONT: Readonly<Record<Exclude<CommandFacts['inFront'], null>, string>> = {
  'a shell': 'a shell stays in front of the program',
  npm: 'npm stays in front of the program and starts it through a shell',
  yarn: 'yarn stays in front of the program',
  pnpm: 'pnpm stays in front of the program',
};

function itemsOf({ name, facts, where, scriptInFront }: Process): Item[] {
  const id = idPart(name);
  const items: Item[] = [];
  if (facts.kind === 'clock') {
    items.push(
      automatic({
        id: `repository/clock/${id}`,
        area: 'schedule',
        what: `${name} starts work by the clock`,
        becomes: 'one worker that waits for the switch, so that nothing fires on both sides',
        why: where,
      }),
    );
  }
  if (facts.herokuProgram !== null) {
    items.push(
      decide({
        id: `repository/heroku-program/${id}`,
        area: 'process',
        what: `the command of ${name} begins with ${facts.herokuProgram}`,
        question: 'What starts the process in an image of your own?',
        options: ['the-image-brings-it', 'the-command-does-without'],
        why: `${where}: a buildpack of Heroku brings that program, and an image of a Dockerfile does not hold it`,
        remedy: remedyFor(facts.herokuProgram),
      }),
    );
  }
  const waits = facts.kind === 'worker' || facts.kind === 'clock';
  const inFront =
    facts.inFront === null
      ? scriptInFront === null
        ? null
        : `the script ${scriptInFront} does not end with exec`
      : IN_FRONT[facts.inFront];
  if (waits && inFront !== null) {
    items.push(
      decide({
        id: `repository/shell-in-front/${id}`,
        area: 'process',
        what: `${name} is not told when it must end`,
        question: 'May its running jobs be killed at a deployment, or is the command mended first?',
        options: ['command-is-mended', 'jobs-may-be-killed'],
        why: `${where}: ${inFront}; App Platform sends SIGTERM to the container's first process only, where Heroku sends it to every process of the dyno`,
        remedy:
          facts.inFront === 'npm' || facts.inFront === 'yarn' || facts.inFront === 'pnpm'
            ? `Write what the script runs itself, such as \`${name}: node worker.js\`.`
            : scriptInFront !== null
              ? `Write \`exec\` before the last command of ${scriptInFront}.`
              : `Write \`exec\` before the last command: \`${name}: first && exec second\`.`,
      }),
    );
  }
  return items;
}

function remedyFor(program: string): string {
  if (program.includes('pgbouncer')) {
    return 'Leave it out of the command: App Platform connects straight to the cluster; DigitalOcean offers connection pools when they are too many.';
  }
  if (program.startsWith('heroku-php')) {
    return 'Let the image serve it (php:apache, or FrankenPHP) and write the command without it.';
  }
  if (program.includes('qg')) {
    return 'Outgoing addresses: use a dedicated egress IP of App Platform instead of the tunnel.';
  }
  return 'Install the program in the Dockerfile, or write the command without it.';
}
