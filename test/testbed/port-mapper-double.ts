/**
 * Stands in for mesos-cni-port-mapper (Mesos' cni/plugins/port_mapper) towards its delegate: what it demands of its own environment and
 * configuration, what it hands on, and the one form of result that it takes. It opens no ports.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Its own codes: what it read, its arguments, its delegate, its ports, the command. */
const CODE = { read: 100, arguments: 101, delegate: 102, portMapping: 103, command: 104 } as const;

type Json = Record<string, unknown>;

const NEEDED = ['CNI_COMMAND', 'CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH'] as const;

const { env } = process;
const missing = [...NEEDED, ...(env.CNI_COMMAND === 'ADD' ? ['CNI_NETNS'] : [])].find((name) => env[name] === undefined);
if (missing !== undefined) fail(CODE.arguments, `Failed to read environment variable '${missing}'`);
if (env.CNI_COMMAND !== 'ADD' && env.CNI_COMMAND !== 'DEL') fail(CODE.command, `Unsupported command: ${env.CNI_COMMAND}`);
const config = readConfig();
const answer = delegate();
if (env.CNI_COMMAND === 'ADD') process.stdout.write(JSON.stringify(reencode(answer)));

function readConfig(): Json {
  const value = parse(readFileSync(0, 'utf8')) ?? fail(CODE.read, 'Failed to parse the network configuration');
  for (const key of ['name', 'chain'])
    if (typeof value[key] !== 'string') fail(CODE.arguments, `Failed to get the required field '${key}'`);
  if (!isObject(value.delegate) || typeof value.delegate.type !== 'string')
    fail(CODE.arguments, "Failed to get the required field 'delegate'");
  return value;
}

/** The delegate's own section with two keys more, and of the environment six variables. */
function delegate(): string {
  const section = config.delegate as Json;
  const path = (env.CNI_PATH ?? '')
    .split(':')
    .map((folder) => join(folder, String(section.type)))
    .find(isExecutable);
  if (path === undefined) fail(CODE.delegate, `Could not find the delegate plugin '${section.type}'`);
  const stdin = JSON.stringify({ ...section, name: config.name, ...(config.args !== undefined && { args: config.args }) });
  const handedOn = Object.fromEntries(
    [...NEEDED, 'CNI_NETNS', 'PATH'].flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
  const { status, stdout, stderr } = spawnSync(path, { env: handedOn, input: stdin, encoding: 'utf8' });
  if (status !== 0) fail(CODE.delegate, `The delegate CNI plugin '${section.type}' returned a non-zero exit: ${stdout}${stderr}`);
  return stdout;
}

/** Its message of a result knows these fields alone, with these types; what else there is, is dropped. */
function reencode(stdout: string): Json {
  const result = parse(stdout) ?? fail(CODE.delegate, `Could not parse the delegate's output: ${stdout}`);
  if (!isObject(result.ip4)) fail(CODE.portMapping, 'Could not find an IPv4 address in the result of the delegate');
  return { ...pick(result, { ip4: ipField, ip6: ipField, dns: dnsField }) };
}

function ipField(value: unknown): Json {
  if (!isObject(value) || typeof value.ip !== 'string') fail(CODE.delegate, `not an IP configuration: ${JSON.stringify(value)}`);
  return pick(value, { ip: text, gateway: text, routes: (routes) => list(routes, routeField) });
}

function routeField(value: unknown): Json {
  if (!isObject(value) || typeof value.dst !== 'string') fail(CODE.delegate, `not a route: ${JSON.stringify(value)}`);
  return pick(value, { dst: text, gw: text });
}

function dnsField(value: unknown): Json {
  if (!isObject(value)) fail(CODE.delegate, `not a DNS configuration: ${JSON.stringify(value)}`);
  const texts = (list_: unknown) => list(list_, text);
  return pick(value, { nameservers: texts, domain: text, search: texts, options: texts });
}

function pick(value: Json, fields: Record<string, (field: unknown) => unknown>): Json {
  return Object.fromEntries(Object.entries(fields).flatMap(([key, read]) => (value[key] === undefined ? [] : [[key, read(value[key])]])));
}

function list(value: unknown, read: (item: unknown) => unknown): unknown[] {
  return Array.isArray(value) ? value.map(read) : fail(CODE.delegate, `not a list: ${JSON.stringify(value)}`);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : fail(CODE.delegate, `not a text: ${JSON.stringify(value)}`);
}

function parse(json: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function fail(code: number, msg: string): never {
  process.stdout.write(JSON.stringify({ cniVersion: '0.1.0', code, msg }));
  process.exit(1);
}
