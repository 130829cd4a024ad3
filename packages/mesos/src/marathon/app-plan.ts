/** What all apps and pods of a Marathon ask for together. */
import type { Service } from '@weir/resources';
import { z } from 'zod';
import { Turn } from '../turn.ts';
import { type AppReading, readDefinition } from './app-definition.ts';
import { type AppObjects, objectsOfApp } from './app-objects.ts';
import { vipServices } from './vip-services.ts';

export interface Plan {
  /** Objects of each app that could be read, by its id. */
  apps: Map<string, AppObjects>;
  /** Of all of them together: several apps may be behind one. */
  services: Service[];
  /** Apps that are there, and about which nothing else is sure: what they have stays as it is. */
  unsure: Set<string>;
  /** False when there is an entry without an id: then nobody knows which apps are not there. */
  isComplete: boolean;
  /** By app: what is wrong, for people. */
  faults: Map<string, string[]>;
}

/** One entry of Marathon's answer, read for itself. */
type Entry =
  | { path: undefined }
  | { path: string; fault: string }
  | {
      path: string;
      app: AppReading;
      made: AppObjects;
      /** By which two entries of one id are told apart. */
      says: string;
    };

/** What is asked for by apps and pods. One that is told twice and differs is left as it is. */
export function planApps(definitions: readonly unknown[]): Plan {
  return planOf(definitions.map(readEntry));
}

/** What an entry is read by; the rest of it, such as its tasks, changes all the time. */
const FIELDS = ['id', 'labels', 'instances', 'scaling', 'networks', 'ipAddress', 'container', 'portDefinitions', 'containers'] as const;

/** Plans again and again: an app that is as it was costs next to nothing, and other work of the process goes on in between. */
export class AppPlanner {
  /** Of the last plan, by the text of what they were read by. */
  #known = new Map<string, Entry>();

  /** As `planApps`. @param definitions parsed JSON */
  async plan(definitions: readonly unknown[]): Promise<Plan> {
    const entries = new Map<string, Entry>();
    const all: Entry[] = [];
    const turn = new Turn();
    for (const definition of definitions) {
      const text = JSON.stringify(FIELDS.map((field) => (definition as Record<string, unknown> | null)?.[field]));
      const entry = this.#known.get(text) ?? entries.get(text) ?? readEntry(definition);
      entries.set(text, entry);
      all.push(entry);
      if (turn.isOver) await turn.end();
    }
    this.#known = entries;
    return planOf(all);
  }
}

function readEntry(definition: unknown): Entry {
  const id = z.looseObject({ id: z.string().min(1) }).safeParse(definition).data?.id;
  if (id === undefined) return { path: undefined };
  const path = id.startsWith('/') ? id : `/${id}`;
  try {
    const app = readDefinition(definition);
    return { path, app, made: objectsOfApp(app), says: JSON.stringify([app.namespace, app.labels, app.portDefinitions]) };
  } catch (error) {
    return { path, fault: error instanceof z.ZodError ? z.prettifyError(error).slice(0, 500) : (error as Error).message };
  }
}

function planOf(entries: readonly Entry[]): Plan {
  const plan: Plan = { apps: new Map(), services: [], unsure: new Set(), isComplete: true, faults: new Map() };
  const said = new Map<string, string>();
  const readings = new Map<string, AppReading>();
  const doubt = (path: string, fault: string) => {
    plan.unsure.add(path);
    plan.faults.set(path, [fault]);
  };
  for (const entry of entries) {
    if (entry.path === undefined) {
      plan.isComplete = false;
      plan.faults.set('(without an id)', ['an app without an id']);
    } else if ('fault' in entry) doubt(entry.path, entry.fault);
    else if ((said.get(entry.path) ?? entry.says) !== entry.says) doubt(entry.path, 'told twice, with different labels');
    else {
      said.set(entry.path, entry.says);
      const problems = [...entry.app.warnings, ...entry.made.errors];
      plan.apps.set(entry.path, entry.made);
      readings.set(entry.path, entry.app);
      if (problems.length > 0) plan.faults.set(entry.path, problems);
    }
  }
  for (const id of plan.unsure) {
    plan.apps.delete(id);
    readings.delete(id);
  }
  const { services, faults } = vipServices(readings.values());
  for (const [id, problems] of faults) plan.faults.set(id, [...(plan.faults.get(id) ?? []), ...problems]);
  return { ...plan, services };
}
