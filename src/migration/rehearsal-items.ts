import { decide, type Item } from './item.ts';

/** The rehearsals that the gate of a protected environment asks for, by the ids under which they can be waived. */
const REHEARSALS = {
  full: 'rehearsal/full',
  shadow: 'rehearsal/shadow',
} as const;

const REQUIRED = 'required';
const WAIVED = 'waived';

/** Which rehearsals migration.yml does without. */
export function waivedRehearsals(answers: Readonly<Record<string, string>>): {
  full: boolean;
  shadow: boolean;
} {
  return { full: answers[REHEARSALS.full] === WAIVED, shadow: answers[REHEARSALS.shadow] === WAIVED };
}

/**
 * An item for each rehearsal that migration.yml says something about, so that whoever approves the plan sees what it does
 * without. Nobody is asked: unless the file says otherwise, both are required.
 */
export function rehearsalItems({
  environment,
  answers,
}: {
  environment: { protected: boolean };
  answers: Readonly<Record<string, string>>;
}): Item[] {
  if (!environment.protected) return [];
  return [
    {
      id: REHEARSALS.full,
      what: 'a full rehearsal of staging before this cutover',
      why: 'the gate asks for a cutover of staging with the same decisions within `rehearsal-max-age`; without it the first cutover that is tried is the real one',
    },
    {
      id: REHEARSALS.shadow,
      what: 'a shadow of production before this cutover',
      why: "the gate asks for a proven copy of this environment's data within `rehearsal-max-age`; without it the forecast may be as old as the plan",
    },
  ]
    .filter(({ id }) => Object.hasOwn(answers, id))
    .map((one) =>
      decide({
        ...one,
        area: 'app',
        question: 'Is it required, or does this migration do without it?',
        options: [REQUIRED, WAIVED],
        remedy: 'Remove it under `decisions` to have it required. docs/rehearsals.md tells what each proves.',
      }),
    );
}
