import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../servers/free-port.ts';
import { becomesHealthy } from './health.ts';
import { Instance, startContainer, type InstanceOptions } from './instance.ts';
import type { AppSpec, ComponentSpec, JobSpec, ServiceSpec, WorkerSpec } from './spec.ts';

/** How a release turns a component into something that can be run. */
export interface ReleaseEnvironment {
  /** Code, command and environment; `port` is where the component is to listen. */
  prepare(component: ComponentSpec, port: number | undefined): Promise<InstanceOptions>;
  /** How long a second of the spec is played. */
  secondMs: number;
}

/** Why a release does not come up. */
export class ReleaseFailed extends Error {
  override readonly name = 'ReleaseFailed';
  readonly component: string;
  readonly code: string;

  constructor(component: string, code: string, message: string) {
    super(message);
    this.component = component;
    this.code = code;
  }
}

interface Running {
  name: string;
  kind: 'service' | 'worker';
  instances: { instance: Instance; port: number | undefined }[];
  graceMs: number;
}

/** A worker that is still alive after this many seconds of the spec counts as started. */
const WORKER_SECONDS = 5;
/** Crashes after which a deployment gives up on a component. */
const CRASHES = 3;
/** App spec reference: `grace_period_seconds`, `timeout` of a job. */
const DEFAULT_GRACE_SECONDS = 120;
const DEFAULT_JOB_MS = 30 * 60_000;

/** The running components of one deployment. */
export class Release {
  readonly spec: AppSpec;
  readonly #environment: ReleaseEnvironment;
  readonly #running: Running[] = [];
  readonly #turns = new Map<string, number>();

  constructor(spec: AppSpec, environment: ReleaseEnvironment) {
    this.spec = spec;
    this.#environment = environment;
  }

  components(): { name: string; kind: string; pids: number[] }[] {
    return this.#running.map(({ name, kind, instances }) => ({
      name,
      kind,
      pids: instances.map(({ instance }) => instance.pid),
    }));
  }

  /** The port of an instance of a service, each in its turn. */
  portOf(service: string): number | undefined {
    const ports = (this.#running.find(({ name }) => name === service)?.instances ?? [])
      .map(({ port }) => port)
      .filter((port) => port !== undefined);
    const turn = this.#turns.get(service) ?? 0;
    this.#turns.set(service, turn + 1);
    return ports[turn % ports.length];
  }

  /**
   * Starts all services and workers and waits until they are healthy.
   *
   * @throws ReleaseFailed, with nothing left running
   */
  async start(): Promise<void> {
    const services = (this.spec.services ?? []).map((service) => this.#startService(service));
    const workers = (this.spec.workers ?? []).map((worker) => this.#startWorker(worker));
    const results = await Promise.allSettled([...services, ...workers]);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) return;
    await this.stop();
    throw failed.reason;
  }

  /** Runs the jobs of a kind side by side: DigitalOcean promises no order between them. */
  async runJobs(kind: JobSpec['kind']): Promise<void> {
    const jobs = (this.spec.jobs ?? []).filter((job) => kindOf(job) === kind);
    await Promise.all(
      jobs.map(async (job) => {
        const code = await this.runJob(job);
        if (code !== 0) {
          const how = code === null ? 'was ended by a signal or its timeout' : `exited with code ${code}`;
          throw new ReleaseFailed(job.name, 'DeployContainerExitNonZero', `The job ${job.name} ${how}.`);
        }
      }),
    );
  }

  /** Runs one job to its end; its exit code, or null when it was killed. */
  async runJob(job: JobSpec): Promise<number | null> {
    const started = startContainer(await this.#environment.prepare(job, undefined));
    const timer = setTimeout(() => void started.kill9(), timeoutOf(job));
    const code = await started.exited;
    clearTimeout(timer);
    return code;
  }

  /** SIGTERM to everything; resolves when all is gone. */
  async stop(): Promise<void> {
    const all = this.#running.splice(0);
    await Promise.all(
      all.flatMap(({ instances, graceMs }) => instances.map(({ instance }) => instance.stop(graceMs))),
    );
  }

  async #startService(service: ServiceSpec): Promise<void> {
    await this.#startInstances(service, 'service', async (instance, port) => {
      const gone = (): boolean => instance.stopped || instance.crashes >= CRASHES;
      const healthy = await becomesHealthy(port ?? 0, service.health_check, this.#environment.secondMs, gone);
      if (healthy) return;
      if (instance.crashes >= CRASHES) throw crashed(service);
      const check = service.health_check?.http_path ?? 'a TCP connection';
      throw new ReleaseFailed(
        service.name,
        'DeployContainerHealthChecksFailed',
        `The service ${service.name} did not pass its health check (${check}).`,
      );
    });
  }

  async #startWorker(worker: WorkerSpec): Promise<void> {
    await this.#startInstances(worker, 'worker', async (instance) => {
      const wait = WORKER_SECONDS * this.#environment.secondMs;
      await delay(wait);
      if (instance.crashes === 0) return;
      // It fell over at once: does it keep doing so?
      await delay(wait);
      if (instance.crashes >= CRASHES) throw crashed(worker);
    });
  }

  async #startInstances(
    component: ServiceSpec | WorkerSpec,
    kind: Running['kind'],
    comesUp: (instance: Instance, port: number | undefined) => Promise<void>,
  ): Promise<void> {
    const grace = component.termination?.grace_period_seconds ?? DEFAULT_GRACE_SECONDS;
    const running: Running = {
      name: component.name,
      kind,
      instances: [],
      graceMs: grace * this.#environment.secondMs,
    };
    this.#running.push(running);
    await Promise.all(
      Array.from({ length: component.instance_count }, async () => {
        // In a container every instance has its own network; here a port of its own stands for that.
        const port = kind === 'service' ? await freePort() : undefined;
        const instance = new Instance(await this.#environment.prepare(component, port));
        running.instances.push({ instance, port });
        await comesUp(instance, port);
      }),
    );
  }
}

function crashed(component: ComponentSpec): ReleaseFailed {
  return new ReleaseFailed(
    component.name,
    'DeployContainerExitNonZero',
    `The component ${component.name} keeps exiting.`,
  );
}

/** A job that says nothing runs after the deployment. */
function kindOf(job: JobSpec): JobSpec['kind'] {
  return job.kind === 'UNSPECIFIED' ? 'POST_DEPLOY' : job.kind;
}

function timeoutOf(job: JobSpec): number {
  const [, hours, minutes, seconds] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(job.timeout ?? '') ?? [];
  const total = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0);
  return total > 0 ? total * 1000 : DEFAULT_JOB_MS;
}
