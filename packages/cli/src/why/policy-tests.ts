/** Expectations of policies, tried with no cluster. */
import { dirname, resolve } from 'node:path';
import { type AppCheck, checkApp, definitionsOf } from '@weir/mesos';
import {
  type AnyObject,
  DEFAULT_NAMESPACE,
  type Expectation,
  keyOf,
  type PolicyTest,
  parseObject,
  parsePolicyTests,
  protocolPortText,
  type TestEndpoint,
  ValidationError,
} from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { readDocuments } from '../objects/documents.ts';
import { readManifestFiles } from '../objects/manifest-files.ts';
import { FlowJudge } from './flow-judge.ts';
import type { PolicyState } from './policy-state.ts';
import { trace } from './trace.ts';
import { decisionText } from './trace-text.ts';

export interface TestResult {
  file: string;
  line?: number;
  test: string;
  /** `web to db, TCP 5432: Allow`. */
  expectation: string;
  ok: boolean;
  /** What it is instead, and why; of one that holds, what decided. */
  reason: string;
}

/**
 * @param paths files with tests
 * @param options.files further objects that hold for all of them
 * @throws ValidationError, CliError ENOTFOUND for a file or an endpoint that is not there
 */
export async function runPolicyTests(paths: readonly string[], { files }: { files: readonly string[] }): Promise<TestResult[]> {
  const results: TestResult[] = [];
  const common = files.length === 0 ? [] : (await readDocuments(files, { recursive: false })).map(({ object }) => object);
  for (const { file, text } of await readManifestFiles(paths, { recursive: false })) {
    const { tests, objects } = parsePolicyTests(text, file);
    if (tests.length === 0) throw new CliError('ENOTFOUND', `${file} has no PolicyTest`);
    for (const test of tests) {
      const state = await stateOf(test, [...common, ...objects.map(({ object }) => object)], file);
      const judge = new FlowJudge(state);
      for (const [index, expectation] of test.expect.entries()) {
        const line = test.lines[index];
        const at = { file, ...(line !== undefined && { line }), test: test.name };
        for (const one of singly(expectation)) results.push({ ...at, ...tried(one, state, judge) });
      }
    }
  }
  return results;
}

/** As TAP has it (version 14), so that CI systems can read it. */
export function formatTap(results: readonly TestResult[]): string {
  const lines = results.flatMap(({ ok, test, expectation, reason, file, line }, index) => [
    `${ok ? 'ok' : 'not ok'} ${index + 1} - ${test}: ${expectation}`,
    ...(ok ? [] : ['  ---', `  at: ${file}${line === undefined ? '' : `:${line}`}`, `  message: ${JSON.stringify(reason)}`, '  ...']),
  ]);
  const failed = results.filter(({ ok }) => !ok).length;
  return ['TAP version 14', `1..${results.length}`, ...lines, `# ${results.length - failed} passed, ${failed} failed`, ''].join('\n');
}

type Single = Pick<Expectation, 'verdict'> & { from: string; to: string; port: Expectation['port'][number] };

function singly({ from, to, port, verdict }: Expectation): Single[] {
  return from.flatMap((source) => to.flatMap((destination) => port.map((one) => ({ from: source, to: destination, port: one, verdict }))));
}

function tried(
  { from, to, port, verdict }: Single,
  state: PolicyState,
  judge: FlowJudge,
): Pick<TestResult, 'expectation' | 'ok' | 'reason'> {
  const found = trace({ from, to, port }, state, judge);
  const { all, allowed } = found.pairs;
  const ok = verdict === 'Allow' ? allowed === all : allowed === 0;
  const how =
    all === 1 || allowed === 0 || allowed === all
      ? found.verdict === 'Allow'
        ? 'allowed'
        : 'denied'
      : `allowed for ${allowed} of ${all} pairs`;
  const hints = ok ? [] : found.advice.map(({ text }) => text);
  return {
    expectation: `${from} to ${to}, ${protocolPortText(port)}: ${verdict}`,
    ok,
    reason: [`${how}: ${decisionText(found)}`, ...hints].join('; '),
  };
}

async function stateOf(test: PolicyTest, given: readonly AnyObject[], file: string): Promise<PolicyState> {
  const folder = file === 'stdin' ? '.' : dirname(file);
  const paths = test.files.map((path) => resolve(folder, path));
  const documents = paths.length === 0 ? [] : await readDocuments(paths, { recursive: false });
  const tried = await Promise.all(test.endpoints.map((endpoint, index) => endpointOf(endpoint, index, folder)));
  const objects = [...given, ...documents.map(({ object }) => object), ...tried.flat()];
  return { objects: new Map(objects.map((object) => [keyOf(object), object])), invalid: [] };
}

/** The endpoint, and the policies that labels of its app ask for. */
async function endpointOf(
  { name, namespace, labels, app, id, address, ports, host }: TestEndpoint,
  index: number,
  folder: string,
): Promise<AnyObject[]> {
  const read = app === undefined ? undefined : await readApp(resolve(folder, app), id);
  const endpoint = parseObject({
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name, namespace: namespace ?? read?.namespace ?? DEFAULT_NAMESPACE, labels: { ...read?.labels, ...labels } },
    spec: {
      host: host ?? 'test',
      containerId: name,
      network: 'test',
      interfaceName: 'eth0',
      hostInterface: `weir${index}`,
      // Of the network for benchmarks (RFC 2544), which no pool should have.
      addresses: [address ?? `198.18.${index >> 8}.${index & 255}`],
      ports: ports ?? read?.ports ?? [],
    },
  });
  return [endpoint, ...(read?.objects ?? []).filter(({ kind }) => kind === 'Policy')];
}

/** @throws ValidationError when it cannot be read, or labels of it cannot be followed */
async function readApp(path: string, id: string | undefined): Promise<AppCheck> {
  const [file] = await readManifestFiles([path], { recursive: false });
  const fail = (message: string) => new ValidationError([{ path: '', value: undefined, message: `${path} ${message}` }]);
  let apps: AppCheck[];
  try {
    apps = definitionsOf(JSON.parse(file!.text)).map(checkApp);
  } catch (error) {
    throw fail(`is no definition of a Marathon app: ${(error as Error).message}`);
  }
  const found = apps.filter((app) => id === undefined || app.id === id);
  const [app, second] = found;
  if (app === undefined || second !== undefined)
    throw fail(
      `has ${id === undefined ? '' : `no ${id}: `}${apps.map((one) => one.id).join(', ') || 'no app'}; say by "id" which one is meant`,
    );
  if (app.errors.length > 0) throw fail(`${app.id}: ${app.errors.join('; ')}`);
  return app;
}
