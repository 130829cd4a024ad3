/** Every version of the CNI specification that the tools speak, oldest first. */
export const CNI_VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

export type CniVersion = (typeof CNI_VERSIONS)[number];

export const LATEST_CNI_VERSION: CniVersion = '1.1.0';

export function isCniVersion(value: unknown): value is CniVersion {
  return (CNI_VERSIONS as readonly unknown[]).includes(value);
}

/**
 * The version that whoever runs a network's plugins chooses: the highest known one of `cniVersion` and `cniVersions` (SPEC.md, "Version
 * considerations"). `cniVersion` as it is when none is known.
 */
export function highestVersion({
  cniVersion,
  cniVersions,
}: {
  cniVersion: string;
  cniVersions?: readonly string[] | null | undefined;
}): string {
  const named = [cniVersion, ...(cniVersions ?? [])];
  return CNI_VERSIONS.findLast((version) => named.includes(version)) ?? cniVersion;
}

/** True when `version` is `other` or newer. */
export function isAtLeast(version: CniVersion, other: CniVersion): boolean {
  return CNI_VERSIONS.indexOf(version) >= CNI_VERSIONS.indexOf(other);
}
