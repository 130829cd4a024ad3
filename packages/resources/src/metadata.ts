import { z } from 'zod';
import { entries, field, parseText, quotesHint, text } from './validation/field.ts';
import { takes } from './validation/json-shape.ts';
import { ValidationError } from './validation/validation-error.ts';

/** What selectors select by. A label without a value has the empty string. */
export type Labels = Record<string, string>;

export interface Metadata {
  name: string;
  /** Present exactly for namespaced kinds. */
  namespace?: string;
  labels: Labels;
  /** Free text for people and tools; nothing selects by it. */
  annotations: Record<string, string>;
}

/** Namespace of namespaced objects that name none. */
export const DEFAULT_NAMESPACE = 'default';

const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const SUBDOMAIN_ALLOWED =
  'lower-case letters, digits, "-" and ".", with a letter or digit at both ends of each part, 253 characters at most';

export const NAMES = {
  /** Names that people choose. */
  chosen: { what: 'name', pattern: SUBDOMAIN, allowed: SUBDOMAIN_ALLOWED },
  /** Names that Weir makes, of container ids and CIDRs. */
  derived: { what: 'name', pattern: /^[A-Za-z0-9._-]{1,253}$/, allowed: '1 to 253 letters, digits, ".", "_" and "-"' },
};

/** Characters of Calico's selector language: what is outside of them could not be selected. */
const LABEL_KEY = {
  what: 'label name',
  pattern: /^(?!__proto__$)[A-Za-z0-9_./-]{1,512}$/,
  allowed: '1 to 512 letters, digits, "_", ".", "/" and "-"',
};
const LABEL_VALUE = {
  what: 'label value',
  pattern: /^[A-Za-z0-9_./-]{0,512}$/,
  allowed: 'up to 512 letters, digits, "_", ".", "/" and "-"',
};

/**
 * Reads a label's name.
 *
 * @throws ValidationError
 */
export function parseLabelKey(value: unknown): string {
  return parseText(value, LABEL_KEY);
}
takes(parseLabelKey, { type: 'string', pattern: LABEL_KEY.pattern.source });

/**
 * Reads a label's value; `null`, which YAML has for `web:`, is the empty string.
 *
 * @throws ValidationError
 */
export function parseLabelValue(value: unknown): string {
  return value === null ? '' : parseText(value, LABEL_VALUE);
}
takes(parseLabelValue, { type: ['string', 'null'], pattern: LABEL_VALUE.pattern.source });

/**
 * Reads a namespace's name: also used for names from elsewhere, as in the network label `weir/namespace`.
 *
 * @throws ValidationError
 */
export function parseNamespaceName(value: unknown): string {
  return parseText(value, { ...NAMES.chosen, what: 'namespace' });
}
takes(parseNamespaceName, { type: 'string', pattern: NAMES.chosen.pattern.source });

function parseAnnotationValue(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  throw ValidationError.of(value, 'is no text', `expected a string${quotesHint(value)}`);
}

takes(parseAnnotationValue, { type: ['string', 'null'] });

const labelsSchema = entries(parseLabelKey, parseLabelValue).prefault({});
export const annotationsSchema = entries(parseLabelKey, parseAnnotationValue).prefault({});

/** Schema of `metadata` for a kind. */
export function metadataSchema(kind: { namespaced: boolean; names: 'chosen' | 'derived' }): z.ZodType<Metadata> {
  const name = text(NAMES[kind.names]);
  const rest = { labels: labelsSchema, annotations: annotationsSchema };
  if (kind.namespaced) return z.strictObject({ name, namespace: field(parseNamespaceName).prefault(DEFAULT_NAMESPACE), ...rest });
  const noNamespace = field(
    (value): undefined => {
      throw ValidationError.of(value, 'is out of place', 'this kind belongs to no namespace, leave the field out');
    },
    { not: {} },
  );
  return z.strictObject({ name, namespace: noNamespace.optional(), ...rest });
}
