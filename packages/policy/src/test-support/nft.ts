import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import type { Statement } from '../statements/statement.ts';
import { elementText, intervalElements } from '../statements/table-text.ts';
import { structureScript } from './structure-script.ts';

/** By its path: npm packages bring other programs of that name. */
const NFT = '/usr/sbin/nft';

/** nft in a network namespace of its own, which goes with the test. */
export class NftNamespace {
  readonly #name = `weir-policy-${process.pid}-${randomBytes(4).toString('hex')}`;

  static create(t: ExecutionContext): NftNamespace {
    const namespace = new NftNamespace();
    execFileSync('ip', ['netns', 'add', namespace.#name]);
    t.teardown(() => execFileSync('ip', ['netns', 'delete', namespace.#name]));
    return namespace;
  }

  /** One transaction. Throws with nft's text if the kernel or nft refuses it. */
  run(script: string): void {
    execFileSync('ip', ['netns', 'exec', this.#name, NFT, '-f', '-'], { input: script, stdio: ['pipe', 'pipe', 'pipe'] });
  }

  /** What `nft -j list table …` prints, parsed. */
  list(table = 'inet weir'): unknown {
    const output = execFileSync('ip', ['netns', 'exec', this.#name, NFT, '-j', 'list', 'table', ...table.split(' ')], {
      maxBuffer: 1 << 28,
    });
    return JSON.parse(output.toString());
  }

  /** Applies a change as an agent does: new structure, then all elements at once, then old structure away. */
  apply(
    { set, delete: gone }: { set: ReadonlyMap<string, Statement>; delete: ReadonlySet<string> },
    before: ReadonlyMap<string, Statement>,
  ): void {
    const removed = [...gone].map((key) => before.get(key)!);
    const replaced = [...set.keys()].flatMap((key) => before.get(key) ?? []);
    const run = (script: string) => script !== '' && this.run(script);
    run(structureScript('inet weir', { create: set.values() }));
    run(elements('delete', [...removed, ...replaced]) + elements('add', [...set.values()]));
    run(structureScript('inet weir', { remove: removed }));
  }
}

function elements(verb: 'add' | 'delete', statements: readonly Statement[]): string {
  return statements
    .flatMap((statement) =>
      statement.kind === 'intervals' ? intervalElements(statement) : statement.kind === 'element' ? [statement] : [],
    )
    .map((element) => `${verb} element inet weir ${element.set} { ${elementText(element)} }\n`)
    .join('');
}
