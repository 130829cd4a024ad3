/** One file that an installation puts on a host. */
export interface HostFile {
  path: string;
  content: Buffer;
  /** Permissions. */
  mode: number;
  /** Configuration: once it is there it is the operator's, and an installation leaves it as they made it. */
  isConfiguration: boolean;
  /** Whether what is there is Weir's, of whatever version and however it was edited; anything else is somebody else's. */
  isOurs(content: Buffer): boolean;
}

/** `kept`: left as it is, since it is the operator's. */
export type Action = 'created' | 'replaced' | 'unchanged' | 'kept' | 'removed';

/** What is to be done about one file, and why. */
export interface FileChange {
  file: HostFile;
  action: Action;
  reason?: string;
}

/** A file that is somebody else's and in the way. */
export interface Obstacle {
  path: string;
  reason: string;
}

export interface Plan {
  changes: FileChange[];
  /** While there is one, nothing is changed at all. */
  obstacles: Obstacle[];
}

/** What is at a path; undefined: nothing. */
export type Actual = ReadonlyMap<string, Buffer | undefined>;

/** The difference between what should be there and what is, in the order in which it is to be made. */
export function planInstall(files: readonly HostFile[], actual: Actual, { force }: { force: boolean }): Plan {
  const plan: Plan = { changes: [], obstacles: [] };
  for (const file of files) {
    const present = actual.get(file.path);
    if (present === undefined) plan.changes.push({ file, action: 'created' });
    else if (present.equals(file.content)) plan.changes.push({ file, action: 'unchanged' });
    else if (force) plan.changes.push({ file, action: 'replaced' });
    else if (!file.isOurs(present)) plan.obstacles.push({ path: file.path, reason: "is there already and is not Weir's" });
    else if (file.isConfiguration) plan.changes.push({ file, action: 'kept', reason: 'it is other than a new one would be' });
    else plan.changes.push({ file, action: 'replaced' });
  }
  return plan;
}

/** The way back, in reverse order: what nothing may use any more goes first. */
export function planUninstall(files: readonly HostFile[], actual: Actual, { force }: { force: boolean }): Plan {
  const plan: Plan = { changes: [], obstacles: [] };
  for (const file of files.toReversed()) {
    const present = actual.get(file.path);
    if (present === undefined) continue;
    if (force || (file.isOurs(present) && (!file.isConfiguration || present.equals(file.content)))) {
      plan.changes.push({ file, action: 'removed' });
    } else if (file.isConfiguration && file.isOurs(present)) {
      plan.obstacles.push({ path: file.path, reason: 'was edited' });
    } else {
      plan.changes.push({ file, action: 'kept', reason: "it is not Weir's" });
    }
  }
  return plan;
}
