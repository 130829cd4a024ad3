/** A JSON value whose numbers keep the text they were written with: Mesos hands 9007199254740993 on unchanged. */
export type ConfigValue = null | boolean | string | ConfigNumber | ConfigValue[] | ConfigObject;
export interface ConfigObject {
  [key: string]: ConfigValue;
}

class ConfigNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** @throws {SyntaxError} for what is not JSON; {TypeError} for JSON that is not an object. */
export function parseConfig(text: string): ConfigObject {
  const value: unknown = JSON.parse(text, (_key, parsed: unknown, context?: { source?: string }) =>
    typeof parsed === 'number' ? new ConfigNumber(context?.source ?? String(parsed)) : parsed,
  );
  if (!isConfigObject(value)) throw new TypeError(`not a JSON object: ${text.slice(0, 60)}`);
  return value;
}

export function isConfigObject(value: unknown): value is ConfigObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ConfigNumber);
}

/** Compact JSON with every object's keys in byte order, as Mesos prints its `std::map`. */
export function printConfig(value: unknown): string {
  if (value instanceof ConfigNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(printConfig).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([left], [right]) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
    .map(([key, member]) => `${JSON.stringify(key)}:${printConfig(member)}`);
  return `{${members.join(',')}}`;
}
