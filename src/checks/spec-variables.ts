import { z } from 'zod';

const variable = z.looseObject({
  key: z.string(),
  value: z.string().nullish(),
  type: z.string().nullish(),
});
const component = z.looseObject({ name: z.string().default(''), envs: z.array(variable).nullish() });
const spec = z.looseObject({
  envs: z.array(variable).nullish(),
  services: z.array(component).nullish(),
  workers: z.array(component).nullish(),
  jobs: z.array(component).nullish(),
  static_sites: z.array(component).nullish(),
  functions: z.array(component).nullish(),
});

/** A variable as App Platform shows it; of a secret only its ciphertext. */
export interface SpecVariable {
  name: string;
  value: string;
  secret: boolean;
  /** Of one component alone; undefined: of the whole app. */
  component: string | undefined;
}

/** Every variable of a spec. @throws ZodError for what is no spec */
export function variablesOf(live: unknown): SpecVariable[] {
  const parsed = spec.parse(live);
  const from = (list: z.infer<typeof variable>[] | null | undefined, of?: string): SpecVariable[] =>
    (list ?? []).map(({ key, value, type }) => ({
      name: key,
      value: value ?? '',
      secret: type === 'SECRET',
      component: of,
    }));
  return [
    ...from(parsed.envs),
    ...(['services', 'workers', 'jobs', 'static_sites', 'functions'] as const).flatMap((kind) =>
      (parsed[kind] ?? []).flatMap(({ name, envs }) => from(envs, name)),
    ),
  ];
}
