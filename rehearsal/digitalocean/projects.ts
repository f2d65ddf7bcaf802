import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ApiError, notFound, parseBody } from './api/error.ts';
import { page } from './api/page.ts';
import { created, noContent, ok, param, type Route } from './api/route.ts';
import { timestamp } from './platform.ts';

interface Project {
  id: string;
  name: string;
  description: string;
  purpose: string;
  environment: 'Development' | 'Staging' | 'Production';
  is_default: boolean;
  created_at: string;
  updated_at: string;
  resources: Map<string, string>;
}

const projectSchema = z.object({
  name: z.string().min(1).max(175),
  description: z.string().max(255).default(''),
  purpose: z.string().max(255),
  environment: z.enum(['Development', 'Staging', 'Production']).default('Development'),
});

const urnsSchema = z.object({ resources: z.array(z.string().regex(/^do:[a-z]+:.+/)) });

/** Projects group resources; what is created without one belongs to the default. */
export class Projects {
  readonly #projects: Project[] = [newProject({ name: 'first-project', purpose: 'Web Application' }, true)];

  get defaultId(): string {
    return this.#find('default').id;
  }

  /** Puts a new resource into a project. */
  assign(urn: string, projectId: string = this.defaultId): void {
    this.#find(projectId);
    for (const project of this.#projects) project.resources.delete(urn);
    this.#find(projectId).resources.set(urn, timestamp());
  }

  release(urn: string): void {
    for (const project of this.#projects) project.resources.delete(urn);
  }

  routes(): Route[] {
    const change: Route['handle'] = (call) => {
      const project = this.#find(param(call, 'id'));
      Object.assign(project, withoutUndefined(parseBody(projectSchema.partial(), call.body)));
      project.updated_at = timestamp();
      return ok({ project: show(project) });
    };
    return [
      {
        method: 'GET',
        path: '/v2/projects',
        scope: 'project:read',
        handle: (call) => page(call, 'projects', this.#projects.map(show)),
      },
      {
        method: 'POST',
        path: '/v2/projects',
        scope: 'project:create',
        handle: (call) => {
          const wanted = parseBody(projectSchema, call.body);
          if (this.#projects.some(({ name }) => name === wanted.name)) {
            throw new ApiError(409, 'conflict', 'a project with this name already exists');
          }
          const project = newProject(wanted, false);
          this.#projects.push(project);
          return created({ project: show(project) });
        },
      },
      {
        method: 'GET',
        path: '/v2/projects/:id',
        scope: 'project:read',
        handle: (call) => ok({ project: show(this.#find(param(call, 'id'))) }),
      },
      { method: 'PUT', path: '/v2/projects/:id', scope: 'project:update', handle: change },
      { method: 'PATCH', path: '/v2/projects/:id', scope: 'project:update', handle: change },
      {
        method: 'DELETE',
        path: '/v2/projects/:id',
        scope: 'project:delete',
        handle: (call) => {
          const project = this.#find(param(call, 'id'));
          if (project.is_default || project.resources.size > 0) {
            throw new ApiError(412, 'precondition_failed', 'cannot delete a project with resources');
          }
          this.#projects.splice(this.#projects.indexOf(project), 1);
          return noContent;
        },
      },
      {
        method: 'GET',
        path: '/v2/projects/:id/resources',
        scope: 'project:read',
        handle: (call) => page(call, 'resources', this.#resources(this.#find(param(call, 'id')), 'ok')),
      },
      {
        method: 'POST',
        path: '/v2/projects/:id/resources',
        scope: 'project:assign_resource',
        handle: (call) => {
          const { resources } = parseBody(urnsSchema, call.body);
          const project = this.#find(param(call, 'id'));
          for (const urn of resources) this.assign(urn, project.id);
          const shown = this.#resources(project, 'assigned');
          return ok({ resources: shown.filter(({ urn }) => resources.includes(urn)) });
        },
      },
    ];
  }

  #find(id: string): Project {
    const found = this.#projects.find((project) =>
      id === 'default' ? project.is_default : project.id === id,
    );
    if (found === undefined) throw notFound();
    return found;
  }

  #resources(project: Project, status: 'ok' | 'assigned'): { urn: string }[] {
    return [...project.resources].map(([urn, assigned]) => ({
      urn,
      assigned_at: assigned,
      links: { self: `https://api.digitalocean.com/v2/${urn.split(':').slice(1).join('/')}` },
      status,
    }));
  }
}

function newProject(
  wanted: { name: string; purpose: string } & Partial<Project>,
  isDefault: boolean,
): Project {
  return {
    description: '',
    environment: 'Development',
    ...wanted,
    id: randomUUID(),
    is_default: isDefault,
    created_at: timestamp(),
    updated_at: timestamp(),
    resources: new Map(),
  };
}

function show(project: Project): object {
  return {
    ...project,
    resources: undefined,
    owner_uuid: '99525febec065ca37b2ffe4f852fd2b2581895e7',
    owner_id: 258992,
  };
}

function withoutUndefined(values: object): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
