import { formatSelector, type Labels, matches, mentionsGlobal, parseSelector, type Selector } from '@weir/resources';

/** The namespaces in which a selector looks. `text` is equal for equal scopes. */
export type Scope = { readonly text: string } & (
  | { readonly kind: 'everywhere' }
  | {
      readonly kind: 'namespace';
      readonly namespace: string;
      /** Network sets are not meant, whatever their labels. */
      readonly endpointsOnly?: true;
    }
  | {
      readonly kind: 'namespaces';
      readonly selector: Selector;
      /** Whether it takes what is in no namespace. */
      readonly takesGlobal: boolean;
    }
);

export const EVERYWHERE: Scope = { kind: 'everywhere', text: '*' };

export function namespaceScope(namespace: string): Scope {
  return { kind: 'namespace', namespace, text: `=${namespace}` };
}

/** Of one namespace, its endpoints alone. */
export function endpointsScope(namespace: string): Scope {
  return { kind: 'namespace', namespace, endpointsOnly: true, text: `=${namespace} endpoints` };
}

/**
 * The namespaces whose labels a `namespaceSelector` takes. `global()` in it stands for what is in no namespace: GlobalNetworkSets, which
 * a selector that does not mention it never takes.
 */
export function namespacesScope(namespaceSelector: string): Scope {
  const parsed = parseSelector(namespaceSelector);
  const isMentioned = mentionsGlobal(parsed);
  const selector = isMentioned ? withConstants(parsed, { all: true, global: false }) : parsed;
  const takesGlobal = isMentioned && matches(withConstants(parsed, { all: false, global: true }), {});
  return { kind: 'namespaces', selector, takesGlobal, text: `${formatSelector(selector)}${takesGlobal ? ' and global' : ''}` };
}

/** @param namespace undefined for what is in none */
export function scopeTakes(scope: Scope, namespace: string | undefined, labels: (namespace: string) => Labels): boolean {
  switch (scope.kind) {
    case 'everywhere':
      return true;
    case 'namespace':
      return scope.namespace === namespace;
    case 'namespaces':
      return namespace === undefined ? scope.takesGlobal : matches(scope.selector, labels(namespace));
  }
}

/** The selector with `all()` and `global()` as they are meant for one kind of objects. */
function withConstants(selector: Selector, holds: { all: boolean; global: boolean }): Selector {
  switch (selector.kind) {
    case 'all':
    case 'global':
      return holds[selector.kind] ? { kind: 'all' } : { kind: 'not', operand: { kind: 'all' } };
    case 'not':
      return { kind: 'not', operand: withConstants(selector.operand, holds) };
    case 'and':
    case 'or':
      return { kind: selector.kind, operands: selector.operands.map((operand) => withConstants(operand, holds)) };
    default:
      return selector;
  }
}
