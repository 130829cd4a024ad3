import { frozen } from '@weir/resources';
import { z } from 'zod';
import { CNI_CODE, CniError } from '../cni-error.ts';

/**
 * A network's configuration as it came on stdin. Keys that Weir does not know are kept: a foreign plugin in the chain may want them.
 * `cniVersion` is a string of any kind here, because DEL must work whatever an operator wrote there.
 */
export const networkConfigSchema = z.looseObject({
  // SPEC.md leaves it open; the reference implementation takes a missing or empty one as 0.1.0.
  cniVersion: z
    .string()
    .nullish()
    .transform((version) => version || '0.1.0'),
  /** Further versions that the network is written for (SPEC.md, "Version considerations"). */
  cniVersions: z.array(z.string()).nullish(),
  name: z.string().min(1),
  type: z.string().min(1).optional(),
  ipam: z.looseObject({ type: z.string().min(1).optional() }).optional(),
  args: z.record(z.string(), z.unknown()).nullish(),
  runtimeConfig: z.record(z.string(), z.unknown()).nullish(),
  prevResult: z.unknown().optional(),
});

export type NetworkConfig = z.infer<typeof networkConfigSchema>;

/**
 * Reads a part of the configuration that one tool needs. What comes back is not to be changed: it is the same for the same value.
 * @throws CniError 7, naming each wrong field and its value
 */
export function parseConfig<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  if (typeof value !== 'object' || value === null) return parse(schema, value, where);
  const known = parsedBy.get(schema) ?? new WeakMap<object, unknown>();
  parsedBy.set(schema, known);
  if (!known.has(value)) known.set(value, frozen(parse(schema, value, where)));
  return known.get(value) as T;
}

/** What was right, by schema and value. */
const parsedBy = new WeakMap<z.ZodType, WeakMap<object, unknown>>();

function parse<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => describe(issue, value));
  throw new CniError(CNI_CODE.invalidConfig, `${where}: ${problems.join('; ')}`, { details: "correct the network's configuration file" });
}

function describe(issue: z.core.$ZodIssue, root: unknown): string {
  const path = issue.path.map(String).join('.');
  let value = root;
  for (const key of issue.path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  const shown = value === undefined ? 'is missing' : `is ${JSON.stringify(value).slice(0, 120)}`;
  return `${path === '' ? 'the whole' : `"${path}"`} ${shown}: ${issue.message}`;
}
