import type { HerokuInventory } from '../heroku/inventory.ts';
import { blocked, decide, idPart, told, type Item } from './item.ts';

/** Who else has to do with the app: other apps that use its add-ons, its pipeline, the people with rights on it. */
export function neighbourItems(inventory: HerokuInventory): Item[] {
  return [...sharedAddOns(inventory), ...pipeline(inventory), ...people(inventory)];
}

function sharedAddOns({ addOns, sharedUses }: HerokuInventory): Item[] {
  return sharedUses.map(({ addOn, app, name }) => {
    const service = addOns.find((one) => one.name === addOn)?.service;
    const id = `add-on/shared/${idPart(app)}/${idPart(name)}`;
    const what = `${addOn} is also used by the app ${app}, as ${name}`;
    if (service === 'heroku-redis' || service === 'heroku-postgresql') {
      return blocked({
        id,
        area: 'add-on',
        what,
        why:
          service === 'heroku-postgresql'
            ? 'from the fence on it can write there no more, and it would never find the new database'
            : 'it would go on writing to, and taking jobs from, what is left behind',
        remedy: `Move ${app} together with this app, or detach it first (\`heroku addons:detach ${name} -a ${app}\`).`,
      });
    }
    return decide({
      id,
      area: 'add-on',
      what,
      question: `Does ${app} go on using it when this app is gone from Heroku? The add-on belongs to this app, and is deleted with it.`,
      options: ['keep-this-app', 'detach-there'],
      why: 'it is shared, and this app pays for it',
      remedy: `Give ${app} one of its own before this app is deleted.`,
    });
  });
}

function pipeline({ app, pipeline: found }: HerokuInventory): Item[] {
  if (found === null) return [];
  const others = found.apps.filter(({ id }) => id !== app.id);
  const items: Item[] = [
    told({
      id: 'app/pipeline',
      area: 'app',
      what: `the pipeline ${found.name}, stage ${found.stage}`,
      becomes: 'left behind: an app on App Platform is deployed from a branch or an image, not promoted',
      why:
        others.length === 0
          ? 'it has no other app'
          : `its other apps are ${others.map(({ name, id, stage }) => `${name ?? id} (${stage})`).join(', ')}`,
      remedy:
        'Nothing is promoted into or out of the app from the cutover on: `heroku pipelines:promote` would release the old code.',
    }),
  ];
  if (found.reviewApps !== null) {
    const { automatic: byItself, open } = found.reviewApps;
    items.push(
      decide({
        id: 'app/review-apps',
        area: 'app',
        what: `review apps (${open} open${byItself ? ', made for every pull request' : ''})`,
        question:
          'Who makes them from now on? They stay at Heroku, and cost there, until somebody ends them.',
        options: ['leave-behind', 'replace'],
        why: 'App Platform has none of its own',
        remedy:
          'DigitalOcean’s app_action makes preview apps from a workflow; disable review apps in the pipeline’s settings before it is given up.',
      }),
    );
  }
  return items;
}

function people({ app, collaborators, teamMembers }: HerokuInventory): Item[] {
  // One collaborator is the owner.
  if (collaborators <= 1 && app.team === null) return [];
  const team =
    app.team === null ? '' : ` and ${teamMembers ?? 'an unknown number of'} members of the team ${app.team}`;
  return [
    told({
      id: 'app/people',
      area: 'app',
      what: `${collaborators} ${collaborators === 1 ? 'collaborator' : 'collaborators'}${team}`,
      becomes: 'left behind: rights at DigitalOcean belong to a team, not to an app',
      why: 'who can deploy, read logs and see secrets changes with the platform',
      remedy: 'Invite those who need it to the team at DigitalOcean (Settings, Team), with a role.',
    }),
  ];
}
