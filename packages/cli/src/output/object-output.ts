import type { AnyObject, Kind } from '@weir/resources';
import { referenceText } from '../objects/references.ts';
import { type ColumnOptions, columnsOf } from './columns.ts';
import type { InvalidRow } from './policy-status.ts';
import { renderTable } from './table.ts';

const OBJECT_FORMS = ['table', 'wide', 'yaml', 'json', 'name'] as const;
export type ObjectForm = (typeof OBJECT_FORMS)[number];

export interface ObjectOutputOptions {
  form: ObjectForm;
  /** Objects of several namespaces may be among them. */
  namespaces: boolean;
  /** One object was asked for by its name: it is printed by itself, not as a List. */
  single: boolean;
  /** For a wide table of policies. */
  policed?: ColumnOptions['policed'];
  /** Who may be behind services, for a table of them. */
  backends?: ColumnOptions['backends'];
  /** Who gives signs of life, for a table of remote clusters. */
  agents?: ColumnOptions['agents'];
  /** Of the terminal; `wide` shows everything in full all the same. */
  width: number;
}

/**
 * Objects as text, ending in a newline. Tables have one part for each kind.
 *
 * @param invalid rows of a wide table, for what cannot be read
 */
export async function formatObjects(
  objects: readonly AnyObject[],
  { form, namespaces, single, policed, backends, agents, width }: ObjectOutputOptions,
  invalid: readonly InvalidRow[] = [],
): Promise<string> {
  switch (form) {
    case 'json':
      return `${JSON.stringify(documentOf(objects, single), null, 2)}\n`;
    case 'yaml': {
      const { stringify } = await import('yaml');
      return stringify(documentOf(objects, single), { lineWidth: 0, aliasDuplicateObjects: false });
    }
    case 'name':
      return objects.map(({ kind, metadata }) => `${referenceText(kind, metadata.name)}\n`).join('');
    default: {
      const wide = form === 'wide';
      const parts = Map.groupBy<Kind, AnyObject | InvalidRow>([...objects, ...invalid], ({ kind }) => kind);
      return [...parts]
        .map(([kind, some]) => {
          const isOfNamespaces = namespaces && some[0]?.metadata.namespace !== undefined;
          const columns = columnsOf(kind, { wide, policed, backends, agents, namespaces: isOfNamespaces });
          return renderTable(columns, some, wide ? Number.POSITIVE_INFINITY : width);
        })
        .join('\n');
    }
  }
}

/** What `apply` takes back: the object, or a List as Kubernetes has it. */
function documentOf(objects: readonly AnyObject[], single: boolean): object {
  const documents = objects.map(plain);
  return single && documents.length === 1 ? documents[0]! : { apiVersion: 'weir/v1', kind: 'List', items: documents };
}

/** As people would write it: without the mappings that are empty, which say nothing. */
export function plain({ metadata, ...rest }: AnyObject): object {
  const { labels, annotations, ...names } = metadata;
  const { apiVersion, kind, ...content } = rest;
  return {
    apiVersion,
    kind,
    metadata: { ...names, ...(Object.keys(labels).length > 0 && { labels }), ...(Object.keys(annotations).length > 0 && { annotations }) },
    ...content,
  };
}
