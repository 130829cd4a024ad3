import type { DockerFacts } from '@weir/resources';
import { CNI_CODE, CniError } from '../cni-error.ts';
import { isFromMesos } from '../task/network-info.ts';
import type { Task } from '../task/task.ts';
import { badEnvironment, checkContainerId, checkInterfaceName, checkNetworkName } from './identifiers.ts';
import { parseJson } from './json.ts';
import { type NetworkConfig, networkConfigSchema, parseConfig } from './network-config.ts';
import { decodeResult, type Result } from './result.ts';
import { type Attached, readValidAttachments } from './valid-attachments.ts';
import { type CniVersion, isAtLeast, isCniVersion, LATEST_CNI_VERSION } from './version.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What every call of a network has. */
export interface NetworkCall {
  /** Folders of CNI_PATH, in order. */
  pluginPath: string[];
  /** CNI_* and PATH as they came: the environment of foreign plugins. */
  environment: Record<string, string>;
  config: NetworkConfig;
  /** The version to answer in. */
  cniVersion: CniVersion;
}

/** One ADD, DEL or CHECK, parsed: what the tools work with. */
export interface Call extends NetworkCall, Attached {
  command: 'ADD' | 'DEL' | 'CHECK';
  /** Path of the container's network namespace. Mesos leaves it out of a DEL after a reboot. */
  namespace?: string;
  prevResult?: Result;
  /** What the Mesos agent says of the container, where it was asked and knew. */
  task?: Task;
  /** Present when Docker asks, which has a protocol of its own. */
  docker?: DockerFacts;
}

export interface StatusCall extends NetworkCall {
  command: 'STATUS';
}

export interface GcCall extends NetworkCall {
  command: 'GC';
  /** The attachments that the runtime still knows of: everything else of the network is to go. */
  valid: Attached[];
}

export type AnyCall = Call | StatusCall | GcCall;

export type Command = AnyCall['command'];

export type Request = { command: 'NONE' } | { command: 'VERSION'; cniVersion: string } | { command: 'CALL'; call: AnyCall };

/** Which variables each command needs besides CNI_COMMAND: the table of the reference implementation's skel package. */
const REQUIRED: Record<Command, readonly string[]> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  STATUS: ['CNI_PATH'],
  GC: ['CNI_PATH'],
};

/** The version of the specification that a command came with; the others were there from the beginning. */
const SINCE: Partial<Record<Command, CniVersion>> = { CHECK: '0.4.0', STATUS: '1.1.0', GC: '1.1.0' };

/**
 * Reads a request from a plugin's environment and standard input.
 * @throws CniError 1 version, 4 environment, 6 JSON, 7 configuration
 */
export function parseRequest(environment: Environment, stdin: Buffer): Request {
  const command = environment.CNI_COMMAND ?? '';
  if (command === '') return { command: 'NONE' };
  if (command === 'VERSION') return { command, cniVersion: versionAsked(stdin) };
  if (!isCommand(command)) throw badEnvironment(`CNI_COMMAND is ${JSON.stringify(command)}: not one of ${COMMANDS}`);
  return { command: 'CALL', call: parseCall(command, environment, stdin) };
}

function parseCall(command: Command, environment: Environment, stdin: Buffer): AnyCall {
  const missing = REQUIRED[command].filter((name) => (environment[name] ?? '') === '');
  if (missing.length > 0) throw badEnvironment(`${command} needs ${missing.join(', ')}: missing or empty in the environment`);
  if (command === 'STATUS' || command === 'GC') {
    const call = networkCall(command, environment, stdin);
    return command === 'GC' ? { command, ...call, valid: readValidAttachments(call.config) } : { command, ...call };
  }
  const containerId = checkContainerId(environment.CNI_CONTAINERID!);
  const interfaceName = checkInterfaceName(environment.CNI_IFNAME!);
  const call = networkCall(command, environment, stdin);
  const namespace = environment.CNI_NETNS || undefined;
  return { command, containerId, interfaceName, namespace, ...call, prevResult: readPrevResult(command, call.config) };
}

function networkCall(command: Command, environment: Environment, stdin: Buffer): NetworkCall {
  const decoded = decodeConfig(stdin);
  const config = parseConfig(networkConfigSchema, command === 'DEL' ? withoutFaults(decoded) : decoded, 'network configuration');
  // Mesos takes any name. And by the same reason as with the version: what ADD refused, DEL has to take.
  if (command !== 'DEL' && !isFromMesos(config)) checkNetworkName(config.name);
  return {
    pluginPath: environment.CNI_PATH!.split(':').filter((folder) => folder !== ''),
    environment: ownVariables(environment),
    config,
    cniVersion: checkVersion(command, config.cniVersion),
  };
}

/**
 * Without the keys that cannot be read. ADD refused them and made nothing, and is followed by a DEL with the same configuration, for each
 * time that a framework tries again; a runtime whose DEL fails keeps the dead container (Mesos does). What has no name is no network.
 */
function withoutFaults(config: unknown): unknown {
  const faults = new Set(networkConfigSchema.safeParse(config).error?.issues.map(({ path: [key] }) => key));
  if (faults.size === 0 || faults.has('name') || faults.has(undefined)) return config;
  return Object.fromEntries(Object.entries(config as object).filter(([key]) => !faults.has(key)));
}

/** CNI_* and PATH alone, as Mesos gives them: nothing of the agent's own environment reaches a foreign plugin. */
function ownVariables(environment: Environment): Record<string, string> {
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && (name === 'PATH' || name.startsWith('CNI_'))) own[name] = value;
  }
  return own;
}

/** Equal texts are one value, so that what follows from it need not be worked out again. */
function decodeConfig(stdin: Buffer): unknown {
  const text = stdin.toString('utf8');
  const known = decoded.get(text);
  if (known !== undefined) return known;
  const value = decodeJson(text);
  if (text.length > LONGEST_REMEMBERED) return value;
  if (decoded.size === REMEMBERED) decoded.delete(decoded.keys().next().value!);
  decoded.set(text, value);
  return value;
}

/** A host has a few networks, and of each a few apps whose containers come and go. */
const REMEMBERED = 64;
const LONGEST_REMEMBERED = 16 * 1024;
/** What was read of texts, the first ones first. */
const decoded = new Map<string, unknown>();

function decodeJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    const seen = text === '' ? 'standard input is empty' : `standard input is not JSON: ${(error as Error).message}`;
    throw new CniError(CNI_CODE.decoding, `${seen}; a network configuration was expected`, { cause: error });
  }
}

/**
 * DEL takes any version: an ADD in a version that we do not speak failed and made nothing, and a runtime that gets an error from
 * the DEL that follows it would keep the dead container for ever (Mesos does).
 */
function checkVersion(command: Command, version: string): CniVersion {
  if (!isCniVersion(version)) {
    if (command === 'DEL') return LATEST_CNI_VERSION;
    throw new CniError(CNI_CODE.incompatibleVersion, `cniVersion ${JSON.stringify(version)} is not known`, {
      details: 'use 0.1.0 … 1.1.0; for Mesos any of them will do',
    });
  }
  const since = SINCE[command];
  if (since !== undefined && !isAtLeast(version, since)) {
    throw new CniError(CNI_CODE.incompatibleVersion, `cniVersion ${version} has no ${command}`, {
      details: `${command} came with ${since}`,
    });
  }
  return version;
}

/** An unreadable earlier result must not keep a DEL from cleaning up: it needs none. */
function readPrevResult(command: Call['command'], config: NetworkConfig): Result | undefined {
  if (config.prevResult === undefined || config.prevResult === null) return undefined;
  try {
    return decodeResult(config.prevResult, config.cniVersion);
  } catch (error) {
    if (command === 'DEL') return undefined;
    throw error;
  }
}

/** VERSION answers in the version asked for when stdin names one; anything else on stdin is no reason to refuse (SPEC.md, VERSION). */
function versionAsked(stdin: Buffer): string {
  try {
    const { cniVersion } = parseJson(stdin.toString('utf8')) as { cniVersion?: unknown };
    return isCniVersion(cniVersion) ? cniVersion : LATEST_CNI_VERSION;
  } catch {
    return LATEST_CNI_VERSION;
  }
}

const COMMANDS = [...Object.keys(REQUIRED), 'VERSION'].join(', ');

function isCommand(command: string): command is Command {
  return Object.hasOwn(REQUIRED, command);
}
