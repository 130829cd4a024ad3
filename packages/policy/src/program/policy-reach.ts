import { type ObjectId, parseSelector, type Selector } from '@weir/resources';
import { EVERYWHERE, namespaceScope, namespacesScope, type Scope } from '../membership/scope.ts';

/** The endpoints that a policy is for. */
export interface Reach {
  readonly selector: Selector;
  readonly scope: Scope;
}

const EVERYBODY = parseSelector('all()');

/**
 * The endpoints that an object which cannot be read is for, as far as it tells: selectors that can be read count, in place of one that
 * cannot everybody does who might be meant. A Namespace is for those in it.
 *
 * @param value what the store has, parsed as JSON as far as it is JSON
 */
export function reachOfUnreadable({ namespace, name, kind }: ObjectId, value: unknown): Reach {
  if (kind === 'Namespace') return { selector: EVERYBODY, scope: namespaceScope(name) };
  const spec = field(value, 'spec');
  const selector = readable(field(spec, 'selector'), parseSelector) ?? EVERYBODY;
  if (namespace !== undefined) return { selector, scope: namespaceScope(namespace) };
  return { selector, scope: readable(field(spec, 'namespaceSelector'), namespacesScope) ?? EVERYWHERE };
}

/** Whether an object that cannot be read says that it is for what passes through hosts. */
export function appliesOnForward(value: unknown): boolean {
  return field(field(value, 'spec'), 'applyOnForward') === true;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

function readable<T>(text: unknown, parse: (text: string) => T): T | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    return parse(text);
  } catch {
    // What it was to say nobody knows, so it restricts nothing.
    return undefined;
  }
}
