import { CNI_CODE, CniError } from './cni-error.ts';
import { parseJson } from './json.ts';
import { type NetworkConfig, networkConfigSchema, parseConfig } from './network-config.ts';
import { decodeResult, type Result } from './result.ts';
import { type CniVersion, isAtLeast, isCniVersion, LATEST_CNI_VERSION } from './version.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** One ADD, DEL or CHECK, parsed: what the tools work with. */
export interface Call {
  command: 'ADD' | 'DEL' | 'CHECK';
  containerId: string;
  /** Name of the interface in the container: eth0. */
  interfaceName: string;
  /** Path of the container's network namespace. Mesos leaves it out of a DEL after a reboot. */
  namespace?: string;
  /** Folders of CNI_PATH, in order. */
  pluginPath: string[];
  /** CNI_* and PATH as they came: the environment of foreign plugins. */
  environment: Record<string, string>;
  config: NetworkConfig;
  /** The version to answer in. */
  cniVersion: CniVersion;
  prevResult?: Result;
}

export type Request = { command: 'NONE' } | { command: 'VERSION'; cniVersion: string } | { command: 'CALL'; call: Call };

/** Which variables each command needs besides CNI_COMMAND: the table of the reference implementation's skel package. */
const REQUIRED = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
} as const;

/**
 * Reads a request from a plugin's environment and standard input.
 * @throws CniError 1 version, 4 environment, 6 JSON, 7 configuration
 */
export function parseRequest(environment: Environment, stdin: Buffer): Request {
  const command = environment.CNI_COMMAND ?? '';
  if (command === '') return { command: 'NONE' };
  if (command === 'VERSION') return { command, cniVersion: versionAsked(stdin) };
  if (!isCallCommand(command)) throw badEnvironment(`CNI_COMMAND is ${JSON.stringify(command)}: not one of ADD, DEL, CHECK, VERSION`);

  const missing = REQUIRED[command].filter((name) => (environment[name] ?? '') === '');
  if (missing.length > 0) throw badEnvironment(`${command} needs ${missing.join(', ')}: missing or empty in the environment`);
  const containerId = checkContainerId(environment.CNI_CONTAINERID!);
  const interfaceName = checkInterfaceName(environment.CNI_IFNAME!);

  const config = parseConfig(networkConfigSchema, decodeConfig(stdin), 'network configuration');
  return {
    command: 'CALL',
    call: {
      command,
      containerId,
      interfaceName,
      namespace: environment.CNI_NETNS || undefined,
      pluginPath: environment.CNI_PATH!.split(':').filter((folder) => folder !== ''),
      environment: ownVariables(environment),
      config,
      cniVersion: checkVersion(command, config.cniVersion),
      prevResult: readPrevResult(command, config),
    },
  };
}

/** CNI_* and PATH alone, as Mesos gives them: nothing of the agent's own environment reaches a foreign plugin. */
function ownVariables(environment: Environment): Record<string, string> {
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && (name === 'PATH' || name.startsWith('CNI_'))) own[name] = value;
  }
  return own;
}

/**
 * Mesos lets frameworks choose ids: `@`, `:`, spaces and any length pass (`validateID` of its validation code), nested ones are
 * `parent.child`. Only what it refuses itself is refused here: separators of paths and control characters.
 */
function checkContainerId(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[/\\\u0000-\u001f\u007f]/.test(value) || value === '.' || value === '..') {
    throw badEnvironment(`CNI_CONTAINERID is ${JSON.stringify(value)}: no "/", "\\" or control characters are allowed`);
  }
  return value;
}

/** The kernel's rules (dev_valid_name in net/core/dev.c) and the specification's. */
function checkInterfaceName(value: string): string {
  const fault =
    Buffer.byteLength(value) > 15
      ? 'longer than 15 bytes'
      : value === '.' || value === '..'
        ? 'not a name'
        : /[/:\s]/.test(value)
          ? 'holding "/", ":" or a space'
          : undefined;
  if (fault !== undefined) throw badEnvironment(`CNI_IFNAME is ${JSON.stringify(value)}: ${fault}`);
  return value;
}

function decodeConfig(stdin: Buffer): unknown {
  try {
    return parseJson(stdin.toString('utf8'));
  } catch (error) {
    const seen = stdin.length === 0 ? 'standard input is empty' : `standard input is not JSON: ${(error as Error).message}`;
    throw new CniError(CNI_CODE.decoding, `${seen}; a network configuration was expected`, { cause: error });
  }
}

/**
 * DEL takes any version: an ADD in a version that we do not speak failed and made nothing, and a runtime that gets an error from
 * the DEL that follows it would keep the dead container for ever (Mesos does).
 */
function checkVersion(command: Call['command'], version: string): CniVersion {
  if (!isCniVersion(version)) {
    if (command === 'DEL') return LATEST_CNI_VERSION;
    throw new CniError(CNI_CODE.incompatibleVersion, `cniVersion ${JSON.stringify(version)} is not known`, {
      details: 'use 0.1.0 … 1.1.0; for Mesos any of them will do',
    });
  }
  if (command === 'CHECK' && !isAtLeast(version, '0.4.0')) {
    throw new CniError(CNI_CODE.incompatibleVersion, `cniVersion ${version} has no CHECK`, { details: 'CHECK came with 0.4.0' });
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

function isCallCommand(command: string): command is Call['command'] {
  return Object.hasOwn(REQUIRED, command);
}

function badEnvironment(message: string): CniError {
  return new CniError(CNI_CODE.invalidEnvironment, message, { details: 'the runtime that calls this tool sets these variables' });
}
