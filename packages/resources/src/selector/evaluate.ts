import type { Labels } from '../metadata.ts';
import type { Selector } from './selector.ts';

type Predicate = (labels: Labels) => boolean;

const predicates = new WeakMap<Selector, Predicate>();

/**
 * Whether a selector takes a set of labels. Compiled at first use: later calls walk no tree.
 *
 * A label that is absent satisfies `!=` and `not in`, and nothing else. `global()` holds for everything: where it may stand,
 * it is for the caller to know what is not in a namespace.
 */
export function matches(selector: Selector, labels: Labels): boolean {
  let predicate = predicates.get(selector);
  if (predicate === undefined) {
    predicate = compile(selector);
    predicates.set(selector, predicate);
  }
  return predicate(labels);
}

/** Own and inherited names differ by type: no property of Object.prototype is a string, so a label "constructor" is not found where it was not set. */
function textOf(labels: Labels, label: string): string | undefined {
  const value: unknown = labels[label];
  return typeof value === 'string' ? value : undefined;
}

function compile(selector: Selector): Predicate {
  switch (selector.kind) {
    case 'all':
    case 'global':
      return () => true;
    case 'has': {
      const { label } = selector;
      return (labels) => textOf(labels, label) !== undefined;
    }
    case '==': {
      const { label, value } = selector;
      return (labels) => labels[label] === value;
    }
    case '!=': {
      const { label, value } = selector;
      return (labels) => labels[label] !== value;
    }
    case 'contains': {
      const { label, value } = selector;
      return (labels) => textOf(labels, label)?.includes(value) ?? false;
    }
    case 'starts with': {
      const { label, value } = selector;
      return (labels) => textOf(labels, label)?.startsWith(value) ?? false;
    }
    case 'ends with': {
      const { label, value } = selector;
      return (labels) => textOf(labels, label)?.endsWith(value) ?? false;
    }
    case 'in':
    case 'not in': {
      const { label } = selector;
      const values: ReadonlySet<unknown> = new Set(selector.values);
      const wanted = selector.kind === 'in';
      return (labels) => values.has(labels[label]) === wanted;
    }
    case 'not': {
      const operand = compile(selector.operand);
      return (labels) => !operand(labels);
    }
    case 'and': {
      const operands = selector.operands.map(compile);
      return (labels) => operands.every((operand) => operand(labels));
    }
    case 'or': {
      const operands = selector.operands.map(compile);
      return (labels) => operands.some((operand) => operand(labels));
    }
  }
}
