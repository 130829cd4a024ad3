/** What a parser takes, in the words of JSON Schema: for who describes the API to programs. It checks nothing, the parser does. */
export type JsonShape = Record<string, unknown>;

const shapes = new WeakMap<object, JsonShape>();

/** To be said once, beside the parser. */
export function takes(parse: (value: unknown) => unknown, shape: JsonShape): void {
  shapes.set(parse, shape);
}

export function shapeOf(parse: (value: never) => unknown): JsonShape | undefined {
  return shapes.get(parse);
}
