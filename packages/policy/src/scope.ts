import { formatSelector, type Labels, matches, mentionsGlobal, parseSelector, type Selector } from '@weir/resources';

/** The namespaces in which a selector looks. `text` is equal for equal scopes. */
export type Scope = { readonly text: string } & (
  | { readonly kind: 'everywhere' }
  | { readonly kind: 'namespace'; readonly namespace: string }
  | { readonly kind: 'namespaces'; readonly selector: Selector }
);

export const EVERYWHERE: Scope = { kind: 'everywhere', text: '*' };

export function namespaceScope(namespace: string): Scope {
  return { kind: 'namespace', namespace, text: `=${namespace}` };
}

/**
 * The namespaces whose labels a `namespaceSelector` takes. `global()` in it stands for what is in no namespace; no kind of endpoint or
 * network set is outside of namespaces, so it holds for none of them.
 */
export function namespacesScope(namespaceSelector: string): Scope {
  const selector = withoutGlobal(parseSelector(namespaceSelector));
  return { kind: 'namespaces', selector, text: formatSelector(selector) };
}

export function scopeTakes(scope: Scope, namespace: string, labels: (namespace: string) => Labels): boolean {
  switch (scope.kind) {
    case 'everywhere':
      return true;
    case 'namespace':
      return scope.namespace === namespace;
    case 'namespaces':
      return matches(scope.selector, labels(namespace));
  }
}

function withoutGlobal(selector: Selector): Selector {
  if (!mentionsGlobal(selector)) return selector;
  switch (selector.kind) {
    case 'global':
      return { kind: 'not', operand: { kind: 'all' } };
    case 'not':
      return { kind: 'not', operand: withoutGlobal(selector.operand) };
    case 'and':
    case 'or':
      return { kind: selector.kind, operands: selector.operands.map(withoutGlobal) };
    default:
      return selector;
  }
}
