/** The objects of files into the store or out of it: in the order in which they need each other, and as many as go. */
import type { Kind, ObjectId } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { attemptAll } from './attempt-all.ts';
import { type Document, originText } from './documents.ts';
import { warnOfContainers } from './host-warning.ts';
import { notFoundBut } from './not-found.ts';
import { warnOfOwner } from './owner-warning.ts';
import { slipFinder } from './policy-slips.ts';
import { referenceText } from './references.ts';
import type { Stores } from './stores.ts';
import { tierCheck } from './tier-admission.ts';
import { checkWritable, deleteObject, type WriteOutcome, type WriteVerb, writeObject } from './write-object.ts';

/** Told of each object when it is done. */
export type Report = (id: ObjectId, outcome: WriteOutcome | 'deleted' | 'labeled') => void | Promise<void>;

/** Policies need their tier, and pools the network that they name: those are written first and deleted last. */
const NEEDED: ReadonlySet<Kind> = new Set(['Tier', 'Network']);

/**
 * Writes each object as the verb says. What can be refused beforehand is, with nothing written; after that one that fails does not stop the others.
 * @throws CliError EFAILED with a line for each failure; the error itself when there is one document only
 */
export async function writeDocuments(stores: Stores, documents: readonly Document[], verb: WriteVerb, report: Report): Promise<void> {
  const title = ({ origin }: Document) => originText(origin);
  const check = await tierCheck(
    stores,
    documents.map(({ object }) => object),
  );
  await attemptAll(documents, title, async ({ object }) => check(object));
  const [needed, others] = apart(documents, ({ object }) => object.kind);
  await attemptAll([...needed, ...others], title, async ({ object }) => {
    const id = { kind: object.kind, ...object.metadata };
    await warnOfOwner(stores, id);
    await report(id, await writeObject(stores, object, verb));
  });
  await warnOfSlips(stores, documents);
}

async function warnOfSlips(stores: Stores, documents: readonly Document[]): Promise<void> {
  const policies = documents.flatMap(({ object }) => (object.kind === 'Policy' ? [object] : []));
  const find = slipFinder(stores);
  for (const policy of policies) {
    // It is written: what keeps this from being found out is no failure.
    for (const slip of await find(policy).catch(() => []))
      process.stderr.write(`warning: ${referenceText('Policy', policy.metadata.name)}: ${slip}\n`);
  }
}

/** As {@link writeDocuments} does it first, for before there is a store. */
export async function checkDocuments(documents: readonly Document[], verb: WriteVerb): Promise<void> {
  await attemptAll(
    documents,
    ({ origin }) => originText(origin),
    async ({ object }) => checkWritable(object, verb),
  );
}

export interface Target {
  /** For an error's text. */
  title: string;
  id: ObjectId;
}

export function targetOf({ object: { kind, metadata }, origin }: Document): Target {
  return { title: originText(origin), id: { kind, ...metadata } };
}

/** @throws as {@link writeDocuments} */
export async function deleteTargets(
  stores: Stores,
  targets: readonly Target[],
  { ignoreNotFound = false }: { ignoreNotFound?: boolean },
  report: Report,
): Promise<void> {
  const [needed, others] = apart(targets, ({ id }) => id.kind);
  await attemptAll(
    [...others, ...needed],
    ({ title }) => title,
    async ({ id }) => {
      await warnOfOwner(stores, id);
      try {
        await deleteObject(stores, id);
      } catch (error) {
        if (!(error instanceof CliError && error.code === 'ENOTFOUND')) throw error;
        if (ignoreNotFound) return;
        throw await notFoundBut(stores, id);
      }
      await report(id, 'deleted');
      await warnOfContainers(stores, id);
    },
  );
}

/** `policy/web created`. */
export function outcomeText({ kind, name }: ObjectId, outcome: string): string {
  return `${referenceText(kind, name)} ${outcome}`;
}

function apart<T>(items: readonly T[], kindOf: (item: T) => Kind): [needed: T[], others: T[]] {
  const isNeeded = (item: T) => NEEDED.has(kindOf(item));
  return [items.filter(isNeeded), items.filter((item) => !isNeeded(item))];
}
