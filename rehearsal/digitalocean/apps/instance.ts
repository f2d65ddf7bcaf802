import { messageOf } from '../../../src/errors.ts';
import { startProcess, type ServerProcess } from '../../servers/process.ts';

export interface InstanceOptions {
  command: string;
  /** The directory of the image's code. */
  directory: string;
  environment: Record<string, string>;
  onLine: (line: string) => void;
}

/** Restarts of a crashed instance wait longer each time, up to this. */
const LONGEST_BACKOFF_MS = 5000;
const FIRST_BACKOFF_MS = 100;

/** Starts a command as a container of the image would run it. */
export function startContainer(options: InstanceOptions): ServerProcess {
  return startProcess('sh', ['-c', options.command], {
    cwd: options.directory,
    env: options.environment,
    onLine: options.onLine,
  });
}

/** One instance of a service or worker: a process that is started again when it ends by itself. */
export class Instance {
  readonly #options: InstanceOptions;
  #process: ServerProcess;
  #stopping = false;
  #crashes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.#process = this.#start();
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** How often it ended by itself. */
  get crashes(): number {
    return this.#crashes;
  }

  get stopped(): boolean {
    return this.#stopping;
  }

  /** SIGTERM, and SIGKILL after the grace period. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    await this.#process.stop({ timeoutMs: graceMs });
  }

  #restart(): void {
    try {
      this.#process = this.#start();
    } catch (error) {
      this.#options.onLine(`The component could not be started again: ${messageOf(error)}`);
    }
  }

  #start(): ServerProcess {
    const started = startContainer(this.#options);
    void started.exited.then((code) => {
      if (this.#stopping) return;
      this.#crashes += 1;
      this.#options.onLine(`The component exited with code ${code ?? 'by a signal'}; it is started again.`);
      const wait = Math.min(FIRST_BACKOFF_MS * 2 ** (this.#crashes - 1), LONGEST_BACKOFF_MS);
      this.#timer = setTimeout(() => this.#restart(), wait);
      this.#timer.unref();
    });
    return started;
  }
}
