import { type Document, isMap, isScalar, isSeq, type LineCounter, type Node } from 'yaml';

/**
 * Where in a YAML document a field stands; for a field that is missing, where the mapping starts that lacks it.
 *
 * @param path as issues have it, `spec.ingress[0].ports`
 * @returns 1-based line in the file
 */
export function lineOf(document: Document.Parsed, path: string, lines: LineCounter): number | undefined {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const [, index, quoted, word] of path.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([A-Za-z_$][\w$]*)/g)) {
    if (index !== undefined) {
      if (!isSeq(node)) break;
      node = node.items[Number(index)];
    } else {
      const key = quoted === undefined ? word : (JSON.parse(quoted) as string);
      if (!isMap(node)) break;
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
      offset = startOf(pair?.key) ?? offset;
      node = pair?.value;
      continue;
    }
    offset = startOf(node) ?? offset;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
