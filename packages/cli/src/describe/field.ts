/** A value, or a list of them, under its name; an empty list is `<none>`. */
export type Field = [name: string, value: string | readonly string[]];

/** `key=value`, in the order of their keys. */
export function listOf(entries: Record<string, string>): string[] {
  return Object.entries(entries)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
}
