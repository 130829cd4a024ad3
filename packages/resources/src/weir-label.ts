import type { Labels } from './metadata.ts';

/** What an app says to Weir by its labels. Nothing selects by these. */
const NAMES = ['namespace', 'ip', 'pool', 'claim', 'sticky-ip', 'policy', 'egress'] as const;

export type WeirLabel = `weir/${(typeof NAMES)[number]}`;

const BY_SPELLING: ReadonlyMap<string, WeirLabel> = new Map(
  NAMES.flatMap((name): [string, WeirLabel][] => [
    [`weir/${name}`, `weir/${name}`],
    [`WEIR_${name.toUpperCase().replace('-', '_')}`, `weir/${name}`],
  ]),
);

/** The label that `weir/sticky-ip` and `WEIR_STICKY_IP` both mean; undefined for a label that is the app's own. */
export function weirLabel(key: string): WeirLabel | undefined {
  return BY_SPELLING.get(key);
}

const WANTS: ReadonlySet<string> = new Set<WeirLabel>(['weir/policy', 'weir/egress', 'weir/sticky-ip']);

/** Whether a label, in either spelling, wants an object made for its app, rather than says something of it. */
export function wantsObject(key: string): boolean {
  return WANTS.has(weirLabel(key) ?? key);
}

/** Whether somebody thought that Weir would understand it. */
export function looksLikeWeirLabel(key: string): boolean {
  return key.startsWith('WEIR_') || key.startsWith('weir/');
}

export const WEIR_LABEL_SPELLINGS: readonly string[] = [...BY_SPELLING.keys()];

/** Labels that Weir itself gives to endpoints of Mesos tasks. Apps cannot forge them: a `/` in theirs becomes a dot. */
export const APP_LABEL = 'weir/app';
export const FRAMEWORK_LABEL = 'weir/framework';
export const ROLE_LABEL = 'weir/role';

/** Label of the endpoints of another cluster, with its name. To rules nobody else has it, whatever was written; those that do not name it never mean these. */
export const CLUSTER_LABEL = 'weir/cluster';

/** Whether a text is the id of a Marathon app, pod or group, which begins with a slash as nothing else does that names endpoints. */
export function isMarathonId(text: string): boolean {
  return text.startsWith('/');
}

/** Whether an endpoint with such labels is of the Marathon app or pod, or of one in the group. */
export function isOfMarathonId({ [APP_LABEL]: app }: Labels, id: string): boolean {
  return app !== undefined && (app === id || app.startsWith(id.endsWith('/') ? id : `${id}/`));
}

/** Annotation: what of a task's labels could not be followed, a line each. */
export const WARNINGS_ANNOTATION = 'weir/warnings';
