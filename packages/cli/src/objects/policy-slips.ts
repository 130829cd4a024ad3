/** What looks like a slip in a policy that is valid: a label, a value or a namespace that nobody has, beside one that is nearly the same. */
import { type Endpoint, matches, nearest, type Policy, parseSelector, type Rule, type Selector } from '@weir/resources';
import type { Stores } from './stores.ts';

type Labels = Readonly<Record<string, string>>;

/** Finds slips in policies. What is read of the store is read once: of the policy's own namespace and, where that has no endpoint, of all. */
export function slipFinder({ objects }: Pick<Stores, 'objects'>): (policy: Policy) => Promise<string[]> {
  const endpoints = remembered(async (namespace: string) =>
    (await objects.list('Endpoint', namespace || undefined)).objects.map(({ object }) => object),
  );
  const setLabels = remembered(async (namespace: string) =>
    (await objects.list('NetworkSet', namespace)).objects.map(({ object }) => object.metadata.labels),
  );
  const commonLabels = remembered(
    async (namespace: string): Promise<Labels> => (await objects.get('Namespace', namespace))?.object.spec.labelsToApply ?? {},
  );
  return async (policy) => {
    const namespace = policy.metadata.namespace!;
    const own = await endpoints(namespace);
    if (own.length === 0) return namespaceSlip(policy, await endpoints(''));
    const [common, sets] = await Promise.all([commonLabels(namespace), setLabels(namespace)]);
    return labelSlips(
      policy,
      own.map(({ metadata }) => ({ ...common, ...metadata.labels })),
      sets,
    );
  };
}

/** @param endpoints of the whole cluster, none of them in the policy's namespace */
export function namespaceSlip({ metadata, spec }: Policy, endpoints: readonly Endpoint[]): string[] {
  const namespace = metadata.namespace!;
  const selector = parseSelector(spec.selector);
  const meant = new Set(endpoints.filter((one) => matches(selector, one.metadata.labels)).map((one) => one.metadata.namespace!));
  const near = nearest(namespace, meant);
  if (near !== undefined) return [`no endpoint is in namespace ${JSON.stringify(namespace)}; did you mean ${JSON.stringify(near)}?`];
  // Where `default` is used at all it has endpoints: here somebody forgot to say the namespace.
  if (namespace !== 'default' || meant.size === 0) return [];
  return [
    `no endpoint is in namespace "default", and the selector takes some of ${[...meant].sort().slice(0, 3).join(', ')}: is metadata.namespace missing?`,
  ];
}

/** @param own labels of each endpoint of the policy's namespace @param sets of each network set, which only rules can mean */
export function labelSlips({ metadata, spec }: Policy, own: readonly Labels[], sets: readonly Labels[]): string[] {
  const peers = (rules: readonly Rule[], direction: string) =>
    rules.flatMap((rule, index) =>
      (['source', 'destination'] as const).flatMap((side) => {
        const { selector, namespaceSelector } = rule[side] ?? {};
        if (selector === undefined || namespaceSelector !== undefined) return [];
        return selectorSlips(`spec.${direction}[${index}].${side}.selector`, selector, [...own, ...sets]);
      }),
    );
  return [...selectorSlips('spec.selector', spec.selector, own), ...peers(spec.ingress, 'ingress'), ...peers(spec.egress, 'egress')].map(
    (slip) => `${slip.path}: nothing in namespace ${metadata.namespace} has ${slip.what}; did you mean ${JSON.stringify(slip.meant)}?`,
  );
}

function selectorSlips(path: string, text: string, known: readonly Labels[]): { path: string; what: string; meant: string }[] {
  const selector = parseSelector(text);
  if (known.some((labels) => matches(selector, labels))) return [];
  const keys = new Set(known.flatMap((labels) => Object.keys(labels)));
  return wantedOf(selector).flatMap(({ label, value }) => {
    if (!keys.has(label)) {
      const meant = nearest(label, keys);
      return meant === undefined ? [] : [{ path, what: `the label ${label}`, meant }];
    }
    const values = new Set(known.flatMap((labels) => labels[label] ?? []));
    const meant = value === undefined || values.has(value) ? undefined : nearest(value, values);
    return meant === undefined ? [] : [{ path, what: `${label} == ${JSON.stringify(value)}`, meant }];
  });
}

/** Labels, and values, that something has to have for the selector to take it. */
function wantedOf(selector: Selector): { label: string; value?: string }[] {
  switch (selector.kind) {
    case 'has':
      return [{ label: selector.label }];
    case '==':
      return [{ label: selector.label, value: selector.value }];
    case 'in':
      return selector.values.map((value) => ({ label: selector.label, value }));
    case 'and':
    case 'or':
      return selector.operands.flatMap(wantedOf);
    default:
      return [];
  }
}

function remembered<T>(read: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (key) => {
    if (!known.has(key)) known.set(key, read(key));
    return known.get(key)!;
  };
}
