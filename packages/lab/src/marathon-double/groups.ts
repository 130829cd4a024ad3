/** Pure: what a group holds, with whole paths (GroupUpdate of group.raml; PathId.canonicalPath). */
import { z } from 'zod';
import { AppFault } from './app-forms.ts';

export interface GroupUpdate {
  id: string;
  apps?: { id?: unknown }[] | undefined;
  groups?: GroupUpdate[] | undefined;
}

const groupSchema: z.ZodType<GroupUpdate> = z.looseObject({
  id: z.string(),
  apps: z.array(z.looseObject({ id: z.unknown() })).optional(),
  groups: z.lazy(() => z.array(groupSchema)).optional(),
});

/** @returns the group's own path and the apps in it and below. @throws z.ZodError, AppFault */
export function readGroup(value: unknown, base = '/'): { id: string; apps: object[] } {
  const group = groupSchema.parse(value);
  const id = pathIn(base, group.id);
  const own = (group.apps ?? []).map((app, index) => {
    if (typeof app.id !== 'string') throw new AppFault(`/apps(${index})/id`, 'error.path.missing');
    const appId = pathIn(id, app.id);
    if (id !== '/' && !appId.startsWith(`${id}/`))
      throw new AppFault(`/apps(${index})/id`, `identifier ${appId} is not child of ${id}. Hint: use relative paths.`);
    return { ...app, id: appId };
  });
  return { id, apps: [...own, ...(group.groups ?? []).flatMap((child) => readGroup(child, id).apps)] };
}

/** `web` in `/shop` is `/shop/web`; what begins with `/` is whole already. */
function pathIn(base: string, id: string): string {
  const path = id.startsWith('/') ? id : `${base}/${id}`;
  return `/${path.split('/').filter(Boolean).join('/')}`;
}

/** GroupInfo: the tree of the groups that the ids imply. */
export interface GroupInfo {
  id: string;
  apps: object[];
  pods: object[];
  groups: GroupInfo[];
  dependencies: string[];
  version: string;
}

/** @returns undefined where there is no such group */
export function groupInfo(id: string, all: { apps: { id: string }[]; pods: { id: string }[]; version: string }): GroupInfo | undefined {
  const prefix = id === '/' ? '/' : `${id}/`;
  const below = [...all.apps, ...all.pods].filter((one) => one.id.startsWith(prefix));
  if (below.length === 0 && id !== '/') return undefined;
  const isDirect = (one: { id: string }) => one.id.startsWith(prefix) && !one.id.slice(prefix.length).includes('/');
  const children = new Set(below.filter((one) => !isDirect(one)).map((one) => prefix + one.id.slice(prefix.length).split('/')[0]));
  return {
    id,
    apps: all.apps.filter(isDirect),
    pods: all.pods.filter(isDirect),
    groups: [...children].flatMap((child) => groupInfo(child, all) ?? []),
    dependencies: [],
    version: all.version,
  };
}
