/** Pure: the objects that an app's labels ask for. They belong to the app, go with it, and are nobody else's. */
import { createHash } from 'node:crypto';
import type { Task } from '@weir/cni';
import {
  API_VERSION,
  APP_LABEL,
  type Claim,
  type Direction,
  type Labels,
  type Policy,
  parseObject,
  ValidationError,
  type WeirLabel,
} from '@weir/resources';
import { parseRules, type Rules } from './rule-words.ts';

/** Of every object that was made of an app's labels. Without it an object is somebody's own, and left alone. */
export const OWNER_LABEL = 'weir/owner';
export const OWNER = 'marathon';
/** Annotation of an object: the app that it belongs to. */
export const APP_ANNOTATION = 'weir/app';
/** Annotation of a Policy that stands for rules that could not be read: why. It has no rule, so it lets nothing through. */
export const ERROR_ANNOTATION = 'weir/error';

export interface App {
  /** `/shop/web` */
  id: string;
  namespace: string;
  /** How many there are to be; undefined where it is not known. */
  instances?: number | undefined;
  /** In one spelling, as `readAppLabels` gives them. */
  labels: Task['labels'];
}

export interface AppObjects {
  objects: (Policy | Claim)[];
  /** Name of the Claim that its containers have. */
  claim?: string;
  errors: string[];
}

export function objectsOfApp(app: App): AppObjects {
  const labels = new Map(app.labels.map(({ key, value }) => [key, value]));
  const said = (label: WeirLabel) => labels.get(label)?.trim() || undefined;
  const errors: string[] = [];
  const objects: (Policy | Claim)[] = [];
  const [policy, egress] = [said('weir/policy'), said('weir/egress')];
  if (policy !== undefined || egress !== undefined) objects.push(policyOf(app, { policy, egress }, errors));
  const sticky = stickyOf(said('weir/sticky-ip'), errors);
  if (!sticky) return { objects, errors };
  if (said('weir/claim') !== undefined) {
    errors.push('weir/sticky-ip: weir/claim names a Claim already; leave one of the two out');
    return { objects, errors };
  }
  if ((app.instances ?? 1) > 1)
    errors.push(`weir/sticky-ip: a sticky address is for one container at a time, and the app has ${app.instances} instances`);
  const addresses = said('weir/ip')
    ?.split(',')
    .map((one) => one.trim());
  const pools = said('weir/pool')
    ?.split(',')
    .map((one) => one.trim());
  const claim = attempt(errors, 'weir/sticky-ip', () => made(app, 'Claim', { ...(addresses && { addresses }), ...(pools && { pools }) }));
  return { objects: [...objects, ...(claim ? [claim as Claim] : [])], ...(claim && { claim: claim.metadata.name }), errors };
}

/** What cannot be read closes the direction that it is about, so that a slip of the pen opens nothing. */
function policyOf(app: App, said: { policy: string | undefined; egress: string | undefined }, errors: string[]): Policy {
  const own: string[] = [];
  const readings = [
    ...(said.policy === undefined
      ? []
      : [{ rules: read(app, 'weir/policy', parseRules, said.policy, own), about: directionsOf(said.policy) }]),
    ...(said.egress === undefined
      ? []
      : [{ rules: read(app, 'weir/egress', egressRules, said.egress, own), about: ['Egress'] as Direction[] }]),
  ];
  errors.push(...own);
  const types = [...new Set(readings.flatMap(({ about }) => about))];
  const closed = new Set(readings.flatMap(({ rules, about }) => (rules === undefined ? about : [])));
  const allRules = (direction: 'ingress' | 'egress') => readings.flatMap(({ rules }) => rules?.[direction] ?? []);
  const spec = {
    selector: `${APP_LABEL} == '${app.id}'`,
    types,
    ingress: closed.has('Ingress') ? [] : allRules('ingress'),
    egress: closed.has('Egress') ? [] : allRules('egress'),
  };
  return made(app, 'Policy', spec, own.length === 0 ? {} : { [ERROR_ANNOTATION]: own.join('\n') }) as Policy;
}

/** Which directions a text of rules is about, readable or not: `to` is egress, all else ingress. */
function directionsOf(text: string): Direction[] {
  const hasTo = (rule: string) => /\sto(\s|$)/.test(rule);
  const rules = text.split(';').filter((rule) => rule.trim() !== '');
  const egress = rules.some(hasTo);
  const ingress = !egress || rules.some((rule) => !hasTo(rule));
  return [...(ingress ? (['Ingress'] as const) : []), ...(egress ? (['Egress'] as const) : [])];
}

/** Checked as a policy of its own, so that a fault which only a whole object shows closes no more than this label's direction. */
function read(app: App, label: WeirLabel, parse: (text: string) => Rules, text: string, errors: string[]): Rules | undefined {
  return attempt(errors, label, () => {
    const rules = parse(text);
    made(app, 'Policy', { types: ['Ingress', 'Egress'], ...rules });
    return rules;
  });
}

/** `none`, or destinations with `;` between, with or without `allow to`: `app=db port 5432; 10.0.0.0/8`. */
function egressRules(text: string): Rules {
  if (text === 'none') return { ingress: [], egress: [] };
  const full = text
    .split(';')
    .map((one) => one.trim())
    .filter(Boolean)
    .map((one) => (/^(allow|deny|log|pass)\s/.test(one) ? one : `allow ${/^to\s/.test(one) ? one : `to ${one}`}`));
  const rules = parseRules(full.join(';'));
  if (rules.ingress.length > 0)
    throw ValidationError.of(text.slice(0, 200), 'says "from"', 'egress is about "to"; the other direction is WEIR_POLICY');
  return rules;
}

function stickyOf(value: string | undefined, errors: string[]): boolean {
  if (value === undefined || value === 'false') return false;
  if (value !== 'true') errors.push(`weir/sticky-ip: ${JSON.stringify(value.slice(0, 60))} is neither true nor false`);
  return value === 'true';
}

function made(app: App, kind: 'Policy' | 'Claim', spec: object, annotations: Labels = {}): Policy | Claim {
  return parseObject({
    apiVersion: API_VERSION,
    kind,
    metadata: {
      name: objectName(app.id),
      namespace: app.namespace,
      labels: { [OWNER_LABEL]: OWNER },
      annotations: { [APP_ANNOTATION]: app.id, ...annotations },
    },
    spec,
  }) as Policy | Claim;
}

/** `marathon-shop.web` of `/shop/web`. With a digest where another app could come to the same name, the digest's own form included, or the name would be too long. */
export function objectName(id: string): string {
  const parts = id.split('/').filter(Boolean);
  const plain = `marathon-${parts.join('.')}`;
  if (plain.length <= 200 && parts.every((part) => !part.includes('.')) && !/-[0-9a-f]{12}$/.test(plain)) return plain;
  const digest = createHash('sha256').update(id).digest('hex').slice(0, 12);
  return `${plain.slice(0, 200).replace(/[.-]+$/, '')}-${digest}`;
}

function attempt<T>(errors: string[], label: WeirLabel, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    errors.push(...error.issues.map(({ message }) => `${label}: ${message}`));
    return undefined;
  }
}
