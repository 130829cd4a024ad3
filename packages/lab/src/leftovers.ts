import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { Netlink, Nftables } from '@weir/kernel';
import type { LabFolder } from './lab-folder.ts';
import { isRunning, type LabProcess } from './lab-process.ts';

/** What a lab must not change in the machine's own network namespace, each thing as a line. */
export function readMachineState(): Set<string> {
  using netlink = Netlink.open();
  using nftables = Nftables.open();
  return new Set([
    ...netlink.links().map(({ name }) => `link ${name}`),
    ...netlink.routes().map(({ destination, via, link, table }) => `route ${destination} via ${via} link ${link} table ${table}`),
    ...netlink.rules().map((rule) => `routing rule ${JSON.stringify(rule)}`),
    ...nftables.listRuleset().flatMap((object) =>
      Object.entries(object)
        .filter(([kind]) => kind === 'table' || kind === 'chain')
        .map(([kind, { family, table, name }]) => `nftables ${kind} ${family} ${table ?? ''} ${name}`),
    ),
  ]);
}

/** What a lab consists of, taken down before it is removed. */
export interface LabInventory {
  path: string;
  processes: LabProcess[];
  /** Inodes of its network namespaces. */
  namespaces: Set<number>;
}

export function takeInventory(folder: LabFolder): LabInventory {
  return { path: folder.path, processes: folder.processes(), namespaces: new Set(folder.namespaces().map((path) => statSync(path).ino)) };
}

/** @returns what is left of a lab that was removed, and what it changed on the machine; nothing, when all is well */
export function findLeftovers(machineBefore: Set<string>, inventory: LabInventory): string[] {
  const machineNow = readMachineState();
  const namespaces = inventory.namespaces.difference(namespacesOutside(inventory.path));
  return [
    ...(existsSync(inventory.path) ? [`folder ${inventory.path}`] : []),
    ...inventory.processes.filter(isRunning).map(({ pid, what }) => `process ${pid}: ${what}`),
    ...processIds().flatMap((pid) => findHolds(pid, { ...inventory, namespaces })),
    ...[...machineNow].filter((line) => !machineBefore.has(line)).map((line) => `new on the machine: ${line}`),
    ...[...machineBefore].filter((line) => !machineNow.has(line)).map((line) => `gone from the machine: ${line}`),
  ];
}

function processIds(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

/** Inodes of those that are mounted anywhere else: the kernel gives a number again as soon as its namespace is gone. */
function namespacesOutside(path: string): Set<number> {
  const mounted = readFileSync('/proc/self/mountinfo', 'utf8').matchAll(/ net:\[(\d+)\] (\S+)/g);
  return new Set([...mounted].filter(([, , target]) => !target!.startsWith(`${path}/`)).map(([, inode]) => Number(inode)));
}

/** A namespace lives as long as a process is in it or a mount holds it, be it in another mount namespace. */
function findHolds(pid: string, { namespaces, path }: LabInventory): string[] {
  try {
    const within = namespaces.has(statSync(`/proc/${pid}/ns/net`).ino);
    const mounted = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(`${path}/`);
    return [
      ...(within ? [`process ${pid} (${commandOf(pid)}) is in a namespace of the lab`] : []),
      ...(mounted ? [`process ${pid} sees a mount of the lab`] : []),
    ];
  } catch {
    return []; // ended meanwhile
  }
}

const commandOf = (pid: string): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
