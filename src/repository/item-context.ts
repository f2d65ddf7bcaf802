import type { RepositoryFacts } from './read-repository.ts';

/** What the checkout's items need to know about the app at Heroku. */
export interface AppKnown {
  appName: string;
  /** `null` when the token may not read them. */
  configVarNames: readonly string[] | null;
  /** The Procfile as deployed: commands by process type; `null` when it cannot be read. */
  processTypes: Readonly<Record<string, string>> | null;
  /** The app's own hosts at Heroku, such as `shop-1a2b.herokuapp.com`. */
  herokuHosts: readonly string[];
  /** How many instances of each process run. */
  formation?: readonly { type: string; quantity: number }[];
  /** What the new cluster takes. */
  connectionLimit?: number;
}

export interface ItemContext {
  facts: RepositoryFacts;
  app: AppKnown;
}

/** Whether the app has the config var; undefined when nobody may say. */
export function hasConfigVar({ configVarNames }: AppKnown, name: string): boolean | undefined {
  return configVarNames?.includes(name);
}

/** Whether a Dockerfile sets it, so that the image brings it along. */
export function imageSets({ image }: RepositoryFacts, name: string): boolean {
  return image.dockerfiles.some(({ sets }) => sets.includes(name));
}

/** Built by Heroku's buildpacks, which add variables and programs of their own; an image of a Dockerfile has none. */
export function usesBuildpacks({ image }: RepositoryFacts): boolean {
  return image.herokuYml?.buildsImage !== true;
}

export const NAMES_UNKNOWN = 'the names of the config vars could not be read';
